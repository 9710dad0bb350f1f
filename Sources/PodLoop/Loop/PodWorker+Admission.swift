import KubeAPI

/// Whether the node takes the pod.
extension PodWorker {
    /// Once, before anything of the pod is made; what was taken before the daemon was started anew stays.
    func admit(_ observed: ObservedPod) async throws {
        guard memory.admission == nil, let pod = desired.pod.map({ $0.given($0.allocation) }) else { return }
        let hasParts = !observed.sandboxes.isEmpty || !observed.containers.isEmpty
        if pod.status?.phase?.isTerminal == true || desired.grace != nil {
            if observed.isAlive { await context.ledger.keep(pod) }
            return
        }
        if hasParts || pod.wasAdmitted {
            await context.ledger.keep(pod)
            memory.admission = .taken
        } else if let refusal = try await context.ledger.admit(pod) {
            memory.admission = .refused(refusal)
        } else {
            memory.admission = .taken
        }
    }
}

extension Pod {
    /// A status of ours says that the node has taken it, and it has not ended.
    var wasAdmitted: Bool { status?.startTime != nil && status?.phase?.isTerminal != true }
}
