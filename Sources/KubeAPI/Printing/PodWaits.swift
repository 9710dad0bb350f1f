/// What a pod that is not ready waits for, a sentence each; nothing for one that is ready or has ended.
public struct PodWaits {
    private let pod: Pod
    private let status: PodStatus
    private(set) var sentences: [String] = []

    public static func sentences(of pod: Pod) -> [String] {
        var waits = PodWaits(pod)
        waits.collect()
        return waits.sentences
    }

    private init(_ pod: Pod) {
        self.pod = pod
        status = pod.status ?? PodStatus()
    }

    private mutating func collect() {
        if status.phase?.isTerminal == true { return }
        if let since = pod.metadata.deletionTimestamp { return ending(since) }
        if status.containerStatuses.isEmpty {
            sentences.append("the node has not looked at this pod yet")
            return
        }
        let isInitialized = status.condition(PodCondition.initialized)?.status == .true
        if !isInitialized { initializing() }
        for container in pod.spec.initContainers where container.isSidecar && isInitialized { wait(container) }
        // Those that all wait for the same need not say so one by one.
        if isInitialized || !isWaitingForInit { for container in pod.spec.containers { wait(container) } }
        for type in [PodCondition.resizePending, PodCondition.resizeInProgress, PodCondition.allContainersRestarting] {
            guard let condition = status.condition(type), condition.status == .true else { continue }
            sentences.append(Self.joined(type, condition.reason, condition.message))
        }
        if let ready = status.condition(PodCondition.ready), ready.reason == "ReadinessGatesNotReady" {
            sentences.append(ready.message ?? "a readiness gate is not True")
        }
    }

    private static func joined(_ parts: String?...) -> String {
        parts.compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: ": ")
    }

    private mutating func ending(_ by: Timestamp) {
        let alive = (status.initContainerStatuses + status.containerStatuses).filter { $0.state?.isRunning == true }
        guard !alive.isEmpty else {
            let holders = pod.metadata.finalizers
            sentences.append(
                holders.isEmpty
                    ? "its sandbox and volumes go" : "finalizers hold it: \(holders.joined(separator: ", "))")
            return
        }
        let names = alive.map(\.name).joined(separator: ", ")
        sentences.append("\(names) end, with their preStop hooks; they are killed at \(by.rfc3339)")
    }

    private var isWaitingForInit: Bool {
        status.containerStatuses.allSatisfy { $0.state?.waitingReason == "PodInitializing" && $0.message == nil }
    }

    /// The first init container that is not done.
    private mutating func initializing() {
        for container in pod.spec.initContainers {
            let own = status.initContainerStatuses.first { $0.name == container.name }
            if container.isSidecar {
                if own?.started == true { continue }
                return wait(container)
            }
            switch own?.state {
            case .terminated(let end) where end.exitCode == 0: continue
            case .running:
                sentences.append("init container \(container.name) runs, and the next begins when it is done")
            case .terminated(let end):
                sentences.append("init container \(container.name) ended with \(end.exitCode) and is started again")
            default: wait(container)
            }
            return
        }
    }

    private mutating func wait(_ container: Container) {
        let own = (status.containerStatuses + status.initContainerStatuses).first { $0.name == container.name }
        let name = "container \(container.name)"
        switch own?.state {
        case nil: sentences.append("\(name) is not known yet")
        case .waiting(let reason, let message):
            sentences.append("\(name): " + Self.joined(reason, message ?? hook(before: container) ?? made(reason)))
        case .terminated(let end):
            sentences.append(
                "\(name) has ended: \(Self.joined(end.reason ?? "exit code \(end.exitCode)", end.message))")
        case .running:
            if container.startupProbe != nil, own?.started != true {
                sentences.append("\(name): its startup probe has not succeeded yet")
            } else if own?.ready != true {
                sentences.append(
                    container.readinessProbe == nil
                        ? "\(name) is starting" : "\(name): its readiness probe does not succeed")
            }
        }
    }

    private func made(_ reason: String?) -> String {
        status.condition(PodCondition.readyToStartContainers)?.status == .true
            ? "it is being made" : "the pod's sandbox and volumes are being made"
    }

    /// Containers start one after the other, each when the postStart hook of the one before is done.
    private func hook(before container: Container) -> String? {
        for earlier in pod.spec.containers.prefix(while: { $0.name != container.name }) {
            let own = status.containerStatuses.first { $0.name == earlier.name }
            if own?.state?.isRunning == true, earlier.lifecycle?.postStart != nil {
                return "the postStart hook of container \(earlier.name) runs"
            }
        }
        return nil
    }
}

extension ContainerStatus {
    fileprivate var message: String? {
        if case .waiting(_, let message) = state { return message }
        return nil
    }
}
