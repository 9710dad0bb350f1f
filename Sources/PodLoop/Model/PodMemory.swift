import KubeAPI

/// Why a container could not be started: its waiting reason and message.
public struct StartFailure: Sendable, Equatable {
    public enum Reason: String, Sendable {
        case crashLoopBackOff = "CrashLoopBackOff"
        case imageNeverPull = "ErrImageNeverPull"
        case imagePull = "ErrImagePull"
        case imagePullBackOff = "ImagePullBackOff"
        case invalidImageName = "InvalidImageName"
        case imageInspect = "ImageInspectError"
        case containerConfig = "CreateContainerConfigError"
        case createContainer = "CreateContainerError"
        case runContainer = "RunContainerError"
        case postStartHook = "PostStartHookError"
    }

    public var reason: Reason
    public var message: String
    /// Not tried again before.
    public var retryAt: Timestamp?

    public init(_ reason: Reason, _ message: String, retryAt: Timestamp? = nil) {
        self.reason = reason
        self.message = message
        self.retryAt = retryAt
    }
}

/// What the loop remembers of a pod between two looks at it. Lost at a restart of the daemon, as a kubelet's is: then a
/// back-off starts over.
public struct PodMemory: Sendable, Equatable {
    /// By container; gone once it started.
    public var startFailures: [String: StartFailure] = [:]
    /// By container.
    public var crashes: [String: Backoff] = [:]
    /// By image.
    public var pulls: [String: Backoff] = [:]
    /// After a sandbox or its volumes could not be made: not tried again before.
    public var sandboxRetryAt: Timestamp?
    /// Why: shown as the message of every container that waits for it.
    public var sandboxFailure: String?
    /// By container id, of those that run.
    public var health: [String: ContainerHealth] = [:]
    /// Ids of containers whose preStop hook has run: it runs once, however often the end is asked for.
    public var preStopped: Set<String> = []
    /// Whether the node has taken the pod; nil before it was asked.
    public var admission: Admitted?
    /// Nil before the node has taken the pod.
    public var allocation: Allocation?
    public var pendingResize: PendingResize?
    /// Why what was given could not be put into force.
    public var resizeFailure: String?
    public var resizeRetryAt: Timestamp?
    /// Why this node puts the pod out.
    public var eviction: Eviction?
    /// The containers of a pod that has ended go too, with their logs: the disk is short.
    public var removesEnded = false
    /// What the node is short of.
    public var pressure: Set<PressureCondition> = []
    /// The volumes of a pod that has ended are gone already.
    public var volumesAreDown = false

    public enum Admitted: Sendable, Equatable {
        case taken
        case refused(NodeAdmission.Refusal)
    }

    var refusal: NodeAdmission.Refusal? {
        if case .refused(let refusal) = admission { return refusal }
        return nil
    }

    /// Seconds until a step that failed without a back-off of its own is tried again.
    public static let retryDelay: Int64 = 10

    public init() {}

    public mutating func started(_ container: String) { startFailures[container] = nil }

    public mutating func failed(
        _ container: String, image: String, _ reason: StartFailure.Reason, _ message: String, at now: Timestamp
    ) {
        var retryAt: Timestamp? = now + Self.retryDelay
        switch reason {
        case .imagePull:
            let backoff = Backoff.raised(pulls[image], event: now, now: now)
            pulls[image] = backoff
            retryAt = now + backoff.delay
        // The container is there and has ended: its next start is a restart like any other.
        case .runContainer, .postStartHook, .crashLoopBackOff: retryAt = nil
        default: break
        }
        startFailures[container] = StartFailure(reason, message, retryAt: retryAt)
    }

    /// An object that the pod takes settings or storage from changed: what may have waited for it is tried at once.
    public mutating func sourcesChanged() {
        for (container, failure) in startFailures where failure.reason == .containerConfig {
            startFailures[container]?.retryAt = nil
        }
        if sandboxFailure != nil { sandboxRetryAt = nil }
    }

    /// Images came in: what waits for one is tried at once.
    public mutating func imagesChanged() {
        for (container, failure) in startFailures {
            switch failure.reason {
            case .imageNeverPull, .imagePull, .imagePullBackOff, .imageInspect:
                startFailures[container]?.retryAt = nil
            default: break
            }
        }
        pulls = [:]
    }
}
