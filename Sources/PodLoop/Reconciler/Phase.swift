import KubeAPI

/// A pod's phase from the statuses of its containers. `tornDown`: nothing of it will be started again.
struct PhaseRule {
    let pod: Pod
    let status: PodStatus
    let tornDown: Bool

    private var unknown = 0
    private var running = 0
    private var waiting = 0
    private var stopped = 0
    private var succeeded = 0

    init(pod: Pod, status: PodStatus, tornDown: Bool) {
        self.pod = pod
        self.status = status
        self.tornDown = tornDown
        for container in pod.spec.containers {
            count(status.containerStatuses.first { $0.name == container.name }, isSidecar: false)
        }
        for container in pod.spec.initContainers where container.isSidecar {
            let status = status.initContainerStatuses.first { $0.name == container.name }
            if status?.state?.isRunning == true { count(status, isSidecar: true) }
        }
    }

    private mutating func count(_ status: ContainerStatus?, isSidecar: Bool) {
        switch status?.state {
        case .running: running += 1
        case .terminated(let end):
            stopped += 1
            if end.exitCode == 0 { succeeded += 1 }
        case .waiting:
            if status?.lastState?.terminated == nil { waiting += 1 } else { stopped += 1 }
        case nil: unknown += 1
        }
    }

    var phase: PodPhase {
        if hasFailedInit { return .failed }
        if isInitializing || waiting > 0 { return .pending }
        if running > 0 && unknown == 0 { return .running }
        if running == 0 && stopped > 0 && unknown == 0 {
            if tornDown || !someRestart { return stopped == succeeded ? .succeeded : .failed }
            return .running
        }
        return .pending
    }

    private var someRestart: Bool {
        let all = status.containerStatuses + status.initContainerStatuses
        let asksForAll = pod.spec.allContainers.contains { container in
            let end = all.first { $0.name == container.name }?.state?.terminated
            return end.map { container.restartAction(exitCode: $0.exitCode) == .restartAllContainers } ?? false
        }
        return asksForAll || restartsOne
    }

    private var restartsOne: Bool {
        pod.spec.containers.contains { container in
            guard let status = status.containerStatuses.first(where: { $0.name == container.name }) else {
                return false
            }
            // A container that waits for its restart has its end in lastState.
            guard let end = status.state?.terminated ?? status.lastState?.terminated else { return false }
            return restarts(container, .app, policy: pod.restartPolicy, exitCode: end.exitCode)
        }
    }

    private var hasFailedInit: Bool {
        pod.spec.initContainers.contains { container in
            guard !container.isSidecar, let end = initStatus(container)?.state?.terminated else { return false }
            return end.exitCode != 0
                && !restarts(container, .initial, policy: pod.restartPolicy, exitCode: end.exitCode)
        }
    }

    private var isInitializing: Bool {
        let appHasRun = status.containerStatuses.contains { $0.hasRun }
        return pod.spec.initContainers.contains { container in
            let status = initStatus(container)
            if container.isSidecar { return !appHasRun && status?.started != true && status?.state?.terminated == nil }
            return status?.state?.terminated?.exitCode != 0
        }
    }

    private func initStatus(_ container: Container) -> ContainerStatus? {
        status.initContainerStatuses.first { $0.name == container.name }
    }
}

extension ContainerStatus {
    /// Whether it was ever started.
    var hasRun: Bool { state?.isRunning == true || state?.terminated != nil || lastState?.terminated != nil }
}
