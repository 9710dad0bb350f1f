import KubeAPI

/// What the runtime says of one pod, at one moment.
public struct ObservedPod: Sendable, Equatable {
    /// Newest first.
    public var sandboxes: [ObservedSandbox]
    /// Of all sandboxes, newest first.
    public var containers: [ObservedContainer]

    public init(sandboxes: [ObservedSandbox] = [], containers: [ObservedContainer] = []) {
        self.sandboxes = sandboxes.sorted { ($0.createdAt, $0.attempt) > ($1.createdAt, $1.attempt) }
        self.containers = containers.sorted { ($0.createdAt, $0.attempt) > ($1.createdAt, $1.attempt) }
    }

    /// The newest container of that name.
    public func container(_ name: String) -> ObservedContainer? { containers.first { $0.name == name } }

    /// The newest container of that name in one sandbox.
    public func container(_ name: String, in sandbox: String) -> ObservedContainer? {
        containers.first { $0.name == name && $0.sandboxID == sandbox }
    }

    /// Whether anything of the pod is still alive.
    public var isAlive: Bool { sandboxes.contains(where: \.isReady) || containers.contains(where: \.isRunning) }
}

public struct ObservedSandbox: Sendable, Equatable {
    public var id: String
    public var attempt: UInt32
    public var isReady: Bool
    public var createdAt: Timestamp
    public var addresses: [String]
    public var usesHostNetwork: Bool

    public init(
        id: String, attempt: UInt32 = 0, isReady: Bool = true, createdAt: Timestamp, addresses: [String] = [],
        usesHostNetwork: Bool = false
    ) {
        self.id = id
        self.attempt = attempt
        self.isReady = isReady
        self.createdAt = createdAt
        self.addresses = addresses
        self.usesHostNetwork = usesHostNetwork
    }
}

public struct ObservedContainer: Sendable, Equatable {
    public enum State: Sendable, Equatable {
        case created
        case running(startedAt: Timestamp)
        case exited(ContainerExit)
        /// The runtime lost track of it.
        case unknown
    }

    public var id: String
    public var name: String
    public var attempt: UInt32
    public var sandboxID: String
    public var state: State
    public var createdAt: Timestamp
    public var image: String
    public var imageID: String
    /// Whether the end of its log is its message when it failed and left none.
    public var fallsBackToLog: Bool
    /// Of the definition it was made from; empty when the runtime does not say.
    public var definitionHash: String
    /// Nil where the runtime does not say.
    public var resources: CgroupValues?

    public init(
        id: String, name: String, attempt: UInt32 = 0, sandboxID: String, state: State, createdAt: Timestamp,
        image: String = "", imageID: String = "", fallsBackToLog: Bool = false, definitionHash: String = ""
    ) {
        self.id = id
        self.name = name
        self.attempt = attempt
        self.sandboxID = sandboxID
        self.state = state
        self.createdAt = createdAt
        self.image = image
        self.imageID = imageID
        self.fallsBackToLog = fallsBackToLog
        self.definitionHash = definitionHash
    }

    public var isRunning: Bool {
        if case .running = state { return true }
        return false
    }

    public var exit: ContainerExit? {
        if case .exited(let exit) = state { return exit }
        return nil
    }
}

public struct ContainerExit: Sendable, Equatable {
    public var code: Int32
    /// `Completed`, `Error`, `OOMKilled`, `StartError`.
    public var reason: String
    public var message: String
    /// Nil when it never ran.
    public var startedAt: Timestamp?
    public var finishedAt: Timestamp

    public init(code: Int32, reason: String, message: String = "", startedAt: Timestamp?, finishedAt: Timestamp) {
        self.code = code
        self.reason = reason
        self.message = message
        self.startedAt = startedAt
        self.finishedAt = finishedAt
    }
}
