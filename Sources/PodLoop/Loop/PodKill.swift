import CRI
import Errors
import KubeAPI

/// Ends a pod: all containers get their signal at once, sidecars theirs after the others have ended, in reverse order;
/// then the sandboxes go.
struct PodKill: Sendable {
    let context: LoopContext
    let reference: PodReference
    /// Nil when its object is gone.
    let pod: Pod?
    let observed: ObservedPod

    /// No container is killed with less time than this, in seconds.
    static let leastGrace: Int64 = 2

    func run(grace: Int64) async throws {
        let running = observed.containers.filter(\.isRunning)
        let sidecars = (pod?.spec.initContainers ?? []).filter(\.isSidecar).map(\.name)
        for container in running { await announce(container) }
        let begun = context.now()
        try await stop(running.filter { !sidecars.contains($0.name) }, grace: grace)
        for name in sidecars.reversed() {
            let used = Int64(context.now().timeInterval(since: begun))
            try await stop(running.filter { $0.name == name }, grace: grace - used)
        }
        for sandbox in observed.sandboxes {
            let holds = observed.containers.contains { $0.sandboxID == sandbox.id && $0.isRunning }
            if sandbox.isReady || holds { try await stopSandbox(sandbox.id) }
        }
    }

    /// In parallel; the first error is thrown after all have been tried.
    func stop(_ containers: [ObservedContainer], grace: Int64) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for container in containers { group.addTask { try await stop(container.id, grace: grace) } }
            var failure: (any Error)?
            while let result = await group.nextResult() {
                if case .failure(let error) = result { failure = failure ?? error }
            }
            if let failure { throw failure }
        }
    }

    func stop(_ id: String, grace: Int64) async throws {
        var request = CRIStopContainerRequest()
        request.containerID = id
        request.timeout = max(Self.leastGrace, grace)
        _ = try await context.runtime.stopContainer(request)
    }

    func stopSandbox(_ id: String) async throws {
        var request = CRIStopPodSandboxRequest()
        request.podSandboxID = id
        _ = try await context.runtime.stopPodSandbox(request)
    }

    func announce(_ container: ObservedContainer, why: String? = nil) async {
        guard let pod else { return }
        let message = why ?? "Stopping container \(container.name)"
        await context.record(PlannedEvent(.normal, "Killing", message, container: container.name), pod: pod)
    }
}
