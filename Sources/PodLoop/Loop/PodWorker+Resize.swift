import Errors
import KubeAPI

/// Resources that change while the pod runs.
extension PodWorker {
    /// Asks the node for what the spec wants, each time it wants other than what the pod was given.
    func allocate() async {
        guard case .taken = memory.admission, let pod = desired.pod else { return }
        let given = memory.allocation ?? pod.allocation
        memory.allocation = given
        guard case .running = desired, pod.status?.phase?.isTerminal != true, pod.wantedAllocation != given else {
            memory.pendingResize = nil
            return
        }
        let before = memory.pendingResize
        memory.pendingResize = await context.ledger.resize(pod)
        if let pending = memory.pendingResize {
            guard pending != before else { return }
            await context.record(
                PlannedEvent(.warning, "Resize\(pending.reason.rawValue)", pending.message), pod: pod)
        } else {
            memory.allocation = pod.wantedAllocation
            memory.resizeFailure = nil
            memory.resizeRetryAt = nil
            await context.record(PlannedEvent(.normal, "ResizeStarted", "Pod resize started"), pod: pod)
        }
    }

    /// Another pod has given back what this one may wait for.
    func roomCame() {
        if memory.pendingResize != nil { wake() }
    }

    func resize(_ pod: Pod, _ sandboxID: String, _ containers: [ObservedContainer]) async -> Bool {
        let resize = PodResize(context: context, pod: pod, sandboxID: sandboxID, containers: containers)
        do { try await resize.run() } catch {
            let message = SwiftletError.wrapping(error).description
            if memory.resizeFailure != message {
                await context.record(PlannedEvent(.warning, "ResizeError", message), pod: pod)
            }
            memory.resizeFailure = message
            memory.resizeRetryAt = context.now() + PodMemory.retryDelay
            return false
        }
        memory.resizeFailure = nil
        memory.resizeRetryAt = nil
        await context.record(PlannedEvent(.normal, "ResizeCompleted", "Pod resize completed"), pod: pod)
        return true
    }
}
