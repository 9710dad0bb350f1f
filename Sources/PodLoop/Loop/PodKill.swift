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
    let hooks = RunningHooks()
    /// Whether the preStop hook of a container is still to be run; asked once for each.
    let mayPreStop: @Sendable (String) async -> Bool

    /// No container is killed with less time than this, in seconds.
    static let leastGrace: Int64 = 2

    /// The hooks of all containers begin at once and count against the same time as the signals.
    func run(grace: Int64) async throws {
        let running = observed.containers.filter(\.isRunning)
        let sidecars = (pod?.spec.initContainers ?? []).filter(\.isSidecar).map(\.name)
        for container in running { await announce(container) }
        let begun = context.now()
        let left: @Sendable () -> Int64 = { grace - Int64(context.now().timeInterval(since: begun)) }
        try await withThrowingTaskGroup(of: String.self) { hooksOfSidecars in
            for container in running where sidecars.contains(container.name) {
                hooksOfSidecars.addTask {
                    await preStop(container, grace: grace)
                    return container.id
                }
            }
            try await forEach(running.filter { !sidecars.contains($0.name) }) { container in
                await preStop(container, grace: grace)
                try await stop(container.id, grace: left())
            }
            var done: Set<String> = []
            for name in sidecars.reversed() {
                for container in running where container.name == name {
                    while !done.contains(container.id), let id = try await hooksOfSidecars.next() { done.insert(id) }
                    try await stop(container.id, grace: left())
                }
            }
        }
        for sandbox in observed.sandboxes {
            let holds = observed.containers.contains { $0.sandboxID == sandbox.id && $0.isRunning }
            if sandbox.isReady || holds { try await stopSandbox(sandbox.id) }
        }
    }

    /// Ends one container: its hook, then its signal with what is left of the time.
    func end(_ container: ObservedContainer, grace: Int64) async throws {
        let begun = context.now()
        await preStop(container, grace: grace)
        try await stop(container.id, grace: grace - Int64(context.now().timeInterval(since: begun)))
    }

    /// A hook that fails does not keep a container from its end.
    private func preStop(_ container: ObservedContainer, grace: Int64) async {
        guard let pod, let definition = pod.container(container.name)?.container,
            let handler = definition.lifecycle?.preStop, await mayPreStop(container.id)
        else { return }
        let addresses = observed.sandboxes.first { $0.id == container.sandboxID }?.addresses ?? []
        let runner = HookRunner(
            context: context, pod: pod, container: definition, containerID: container.id,
            addresses: pod.spec.hostNetwork == true ? context.settings.addresses : addresses)
        do {
            try await hooks.run { try await runner.run(handler, timeout: max(1, grace)) }
        } catch is CancellationError {
            context.log.debug("preStop hook of \(container.name): cut short")
        } catch {
            await context.record(
                PlannedEvent(
                    .warning, "FailedPreStopHook", "PreStopHook failed: \(SwiftletError.wrapping(error))",
                    container: container.name), pod: pod)
        }
    }

    /// In parallel; the first error is thrown after all have been tried.
    private func forEach(
        _ containers: [ObservedContainer], _ body: @escaping @Sendable (ObservedContainer) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for container in containers { group.addTask { try await body(container) } }
            var failure: (any Error)?
            while let result = await group.nextResult() {
                if case .failure(let error) = result { failure = failure ?? error }
            }
            if let failure { throw failure }
        }
    }

    func stop(_ containers: [ObservedContainer], grace: Int64) async throws {
        try await forEach(containers) { try await stop($0.id, grace: grace) }
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
