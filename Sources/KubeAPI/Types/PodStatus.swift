public enum PodPhase: String, Codable, Sendable {
    case pending = "Pending"
    case running = "Running"
    case succeeded = "Succeeded"
    case failed = "Failed"
    case unknown = "Unknown"

    /// Succeeded and Failed never change back.
    public var isTerminal: Bool { self == .succeeded || self == .failed }
}

public enum QOSClass: String, Codable, Sendable {
    case guaranteed = "Guaranteed"
    case burstable = "Burstable"
    case bestEffort = "BestEffort"
}

public struct PodStatus: KubeCodable {
    public var observedGeneration: Int64?
    public var phase: PodPhase?
    public var conditions: [PodCondition] = []
    public var message: String?
    public var reason: String?
    public var nominatedNodeName: String?
    public var hostIP: String?
    public var hostIPs: [PodIP] = []
    public var podIP: String?
    public var podIPs: [PodIP] = []
    public var startTime: Timestamp?
    public var initContainerStatuses: [ContainerStatus] = []
    public var containerStatuses: [ContainerStatus] = []
    public var ephemeralContainerStatuses: [ContainerStatus] = []
    public var qosClass: QOSClass?

    public init(phase: PodPhase? = nil) { self.phase = phase }
}

public struct PodIP: KubeCodable {
    public var ip: String

    public init(ip: String) { self.ip = ip }
}

public enum ConditionStatus: String, Codable, Sendable { case `true` = "True", `false` = "False", unknown = "Unknown" }

public struct PodCondition: KubeCodable {
    public static let podScheduled = "PodScheduled"
    public static let readyToStartContainers = "PodReadyToStartContainers"
    public static let initialized = "Initialized"
    public static let containersReady = "ContainersReady"
    public static let ready = "Ready"
    public static let allContainersRestarting = "AllContainersRestarting"
    public static let resizePending = "PodResizePending"
    public static let resizeInProgress = "PodResizeInProgress"
    public static let disruptionTarget = "DisruptionTarget"

    public var type: String
    public var status: ConditionStatus
    public var observedGeneration: Int64?
    public var lastProbeTime: Timestamp?
    public var lastTransitionTime: Timestamp?
    public var reason: String?
    public var message: String?

    public init(
        type: String, status: ConditionStatus, reason: String? = nil, message: String? = nil,
        lastTransitionTime: Timestamp? = nil
    ) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
        self.lastTransitionTime = lastTransitionTime
    }
}

extension PodStatus {
    public func condition(_ type: String) -> PodCondition? { conditions.first { $0.type == type } }
}

public struct ContainerStatus: KubeCodable {
    public var name: String
    public var state: ContainerState?
    public var lastState: ContainerState?
    public var ready: Bool
    public var restartCount: Int32
    public var image: String
    public var imageID: String
    /// `swiftlet://<id>`.
    public var containerID: String?
    public var started: Bool?
    /// The requests it was given.
    public var allocatedResources: [String: Quantity] = [:]
    /// What is in force.
    public var resources: ResourceRequirements?
    public var stopSignal: String?

    public init(
        name: String, state: ContainerState? = nil, ready: Bool = false, restartCount: Int32 = 0, image: String = "",
        imageID: String = ""
    ) {
        self.name = name
        self.state = state
        self.ready = ready
        self.restartCount = restartCount
        self.image = image
        self.imageID = imageID
    }
}

/// One of three: written as an object with one member; an empty object reads as waiting.
public enum ContainerState: Sendable, Equatable {
    case waiting(reason: String?, message: String?)
    case running(startedAt: Timestamp?)
    case terminated(ContainerStateTerminated)

    public var terminated: ContainerStateTerminated? {
        if case .terminated(let end) = self { return end }
        return nil
    }

    public var waitingReason: String? {
        if case .waiting(let reason, _) = self { return reason }
        return nil
    }

    public var isRunning: Bool {
        if case .running = self { return true }
        return false
    }
}

extension ContainerState: KubeCodable {
    private struct Waiting: KubeCodable {
        var reason: String?
        var message: String?
    }

    private struct Running: KubeCodable {
        var startedAt: Timestamp?
    }

    private struct Members: KubeCodable {
        var waiting: Waiting?
        var running: Running?
        var terminated: ContainerStateTerminated?
    }

    public init(from decoder: any Decoder) throws {
        let members = try Members(from: decoder)
        if let terminated = members.terminated {
            self = .terminated(terminated)
        } else if let running = members.running {
            self = .running(startedAt: running.startedAt)
        } else {
            self = .waiting(reason: members.waiting?.reason, message: members.waiting?.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var members = Members()
        switch self {
        case .waiting(let reason, let message): members.waiting = Waiting(reason: reason, message: message)
        case .running(let startedAt): members.running = Running(startedAt: startedAt)
        case .terminated(let end): members.terminated = end
        }
        try members.encode(to: encoder)
    }
}

public struct ContainerStateTerminated: KubeCodable {
    public var exitCode: Int32
    public var signal: Int32?
    public var reason: String?
    public var message: String?
    public var startedAt: Timestamp?
    public var finishedAt: Timestamp?
    public var containerID: String?

    public init(exitCode: Int32, reason: String? = nil, message: String? = nil) {
        self.exitCode = exitCode
        self.reason = reason
        self.message = message
    }
}
