import KubeAPI

/// What is wanted of a pod.
public enum DesiredPod: Sendable, Equatable {
    case running(Pod)
    /// Its deletion has begun; the object is there until all of it has ended. `grace` in seconds, at least 1.
    case deleting(Pod, grace: Int64)
    /// Its object is gone already: what is left of it must end.
    case gone(PodReference, grace: Int64)

    /// As the pod's metadata says.
    public init(_ pod: Pod) {
        guard pod.metadata.deletionTimestamp != nil else {
            self = .running(pod)
            return
        }
        let grace = pod.metadata.deletionGracePeriodSeconds ?? pod.spec.gracePeriodSeconds
        self = .deleting(pod, grace: max(1, grace))
    }

    public var pod: Pod? {
        switch self {
        case .running(let pod), .deleting(let pod, _): pod
        case .gone: nil
        }
    }

    public var reference: PodReference {
        switch self {
        case .running(let pod), .deleting(let pod, _): pod.reference
        case .gone(let reference, _): reference
        }
    }

    /// Seconds a pod that must end has left for it.
    public var grace: Int64? {
        switch self {
        case .running: nil
        case .deleting(_, let grace), .gone(_, let grace): grace
        }
    }
}

extension DesiredPod {
    func with(_ pod: Pod) -> DesiredPod {
        switch self {
        case .running: .running(pod)
        case .deleting(_, let grace): .deleting(pod, grace: grace)
        case .gone: self
        }
    }
}

/// One step towards the desired state. A plan's steps are done in order.
public enum PodAction: Sendable, Equatable {
    case stopSandbox(id: String)
    case createSandbox(attempt: UInt32)
    case startContainer(name: String, attempt: UInt32, sandboxID: String)
    case killContainer(id: String, name: String, why: String, grace: Int64)
    /// Puts into force what these containers were given; they run on.
    case resize(containers: [String], sandboxID: String)
    /// Stops all containers, sidecars last, then the sandboxes.
    case killPod(grace: Int64)
    case tearDownVolumes
    case removeSandbox(id: String)
    /// An old, dead one, which no log or last state needs any more.
    case removeContainer(id: String)
    /// The object may go from the API: nothing of the pod is left.
    case removeObject
}

public struct PodPlan: Sendable, Equatable {
    public var actions: [PodAction] = []
    /// Nil when there is no object to write it to.
    public var status: PodStatus?
    public var memory: PodMemory
    public var events: [PlannedEvent] = []
    /// When to look again though nothing has happened.
    public var wakeUp: Timestamp?

    public init(memory: PodMemory) { self.memory = memory }

    mutating func wake(at time: Timestamp) { wakeUp = wakeUp.map { min($0, time) } ?? time }
}

public struct PlannedEvent: Sendable, Equatable {
    public var type: EventType
    public var reason: String
    public var message: String
    /// The container it is about.
    public var container: String?

    public init(_ type: EventType, _ reason: String, _ message: String, container: String? = nil) {
        self.type = type
        self.reason = reason
        self.message = message
        self.container = container
    }
}
