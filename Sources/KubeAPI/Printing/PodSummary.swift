/// What the READY, STATUS and RESTARTS columns say of a pod.
public struct PodSummary: Sendable, Equatable {
    public var ready = 0
    public var total: Int
    public var status: String
    public var restarts: Int64 = 0
    public var lastRestart: Timestamp?

    public init(_ pod: Pod) {
        let status = pod.status ?? PodStatus()
        let sidecars = Set(pod.spec.initContainers.filter(\.isSidecar).map(\.name))
        total = pod.spec.containers.count + sidecars.count
        self.status = status.reason ?? status.phase?.rawValue ?? "Unknown"
        if let gates = status.condition(PodCondition.podScheduled), gates.reason == "SchedulingGated" {
            self.status = "SchedulingGated"
        }
        let initializing = walkInit(pod, status, sidecars)
        if !initializing || status.condition(PodCondition.initialized)?.status == .true { walkApp(status, sidecars) }
        if pod.metadata.deletionTimestamp != nil, !(status.phase?.isTerminal ?? false) {
            self.status = status.reason == "NodeLost" ? "Unknown" : "Terminating"
        }
    }

    private mutating func count(_ container: ContainerStatus) {
        restarts += Int64(container.restartCount)
        if let finished = container.lastState?.terminated?.finishedAt {
            lastRestart = max(lastRestart ?? finished, finished)
        }
    }

    private static func word(_ end: ContainerStateTerminated) -> String {
        if let reason = end.reason, !reason.isEmpty { return reason }
        if let signal = end.signal, signal != 0 { return "Signal:\(signal)" }
        return "ExitCode:\(end.exitCode)"
    }

    /// The first init container that is not done gives the status; whether there is one.
    private mutating func walkInit(_ pod: Pod, _ status: PodStatus, _ sidecars: Set<String>) -> Bool {
        for (index, container) in status.initContainerStatuses.enumerated() {
            count(container)
            let isSidecar = sidecars.contains(container.name)
            switch container.state {
            case .terminated(let end) where end.exitCode == 0: continue
            case .running where isSidecar && container.started == true:
                if container.ready { ready += 1 }
                continue
            case .terminated(let end): self.status = "Init:\(Self.word(end))"
            case .waiting(let reason?, _) where !reason.isEmpty && reason != "PodInitializing":
                self.status = "Init:\(reason)"
            default: self.status = "Init:\(index)/\(pod.spec.initContainers.count)"
            }
            return true
        }
        return false
    }

    private mutating func walkApp(_ status: PodStatus, _ sidecars: Set<String>) {
        if !sidecars.isEmpty || !status.initContainerStatuses.isEmpty {
            restarts = 0
            lastRestart = nil
            for container in status.initContainerStatuses where sidecars.contains(container.name) { count(container) }
        }
        var running = false
        var failing: String?
        for container in status.containerStatuses.reversed() {
            count(container)
            switch container.state {
            case .waiting(let reason?, _) where !reason.isEmpty: self.status = reason
            case .terminated(let end):
                self.status = Self.word(end)
                if end.exitCode != 0 { failing = self.status }
            case .running where container.ready:
                running = true
                ready += 1
            default: break
            }
        }
        if self.status == "Completed", running {
            if status.condition(PodCondition.ready)?.status == .true {
                self.status = "Running"
            } else {
                self.status = failing ?? "NotReady"
            }
        }
    }

    public func restartsText(now: Timestamp) -> String {
        guard restarts > 0, let lastRestart else { return "\(restarts)" }
        return "\(restarts) (\(Timestamp.age(of: lastRestart, now: now)) ago)"
    }
}
