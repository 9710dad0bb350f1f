import KubeAPI

public enum ProbeKind: String, Sendable, CaseIterable {
    case startup = "Startup"
    case liveness = "Liveness"
    case readiness = "Readiness"
}

/// What the probes of one container, of one start, have come to.
public struct ContainerHealth: Sendable, Equatable {
    /// A kind that is missing has come to nothing yet.
    public var verdicts: [ProbeKind: Bool] = [:]

    public init(_ verdicts: [ProbeKind: Bool] = [:]) { self.verdicts = verdicts }
}

extension Container {
    public func probe(_ kind: ProbeKind) -> Probe? {
        switch kind {
        case .startup: startupProbe
        case .liveness: livenessProbe
        case .readiness: readinessProbe
        }
    }

    /// Of a container that runs: whether those that come after a sidecar may start, and the other probes begin.
    func isStarted(_ health: ContainerHealth?) -> Bool { startupProbe == nil || health?.verdicts[.startup] == true }

    /// Of a container that runs.
    func isReady(_ health: ContainerHealth?) -> Bool {
        isStarted(health) && (readinessProbe == nil || health?.verdicts[.readiness] == true)
    }

    /// The probe for which a container that runs must be ended.
    func condemned(by health: ContainerHealth?) -> ProbeKind? {
        [.startup, .liveness].first { probe($0) != nil && health?.verdicts[$0] == false }
    }
}

extension PodMemory {
    /// After a restart of the daemon: containers that ran before are what they were, until their probes say otherwise.
    mutating func adoptHealth(_ observed: ObservedPod, _ status: PodStatus?) {
        let known = (status?.containerStatuses ?? []) + (status?.initContainerStatuses ?? [])
        for container in observed.containers where container.isRunning && health[container.id] == nil {
            let before = known.first { $0.containerID == containerID(container.id) }
            var adopted = ContainerHealth()
            if before?.started == true { adopted.verdicts[.startup] = true }
            if before?.ready == true { adopted.verdicts[.readiness] = true }
            health[container.id] = adopted
        }
        health = health.filter { entry in observed.containers.contains { $0.id == entry.key && $0.isRunning } }
    }
}
