import KubeAPI

/// What the node asks of a pod's worker when it runs short.
extension PodWorker {
    /// The pod, while it is wanted here and has not ended.
    var active: Pod? {
        guard case .running(let pod) = desired, pod.status?.phase?.isTerminal != true, memory.eviction == nil else {
            return nil
        }
        return pod
    }

    func evict(_ eviction: Eviction) {
        guard active != nil else { return }
        memory.eviction = eviction
        hook?.cancel()
        wake()
    }

    /// True when nothing of an ended pod is left to remove.
    func removeEndedContainers(begin: Bool) -> Bool {
        guard case .running(let pod) = desired, pod.status?.phase?.isTerminal == true else { return true }
        if begin {
            memory.removesEnded = true
            wake()
        }
        return !memory.removesEnded && !isActing
    }
}
