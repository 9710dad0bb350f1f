import JSON

/// Which pod: a name may be taken by another pod once the first is gone, a uid never.
public struct PodReference: Sendable, Hashable {
    public var namespace: String
    public var name: String
    public var uid: String

    public init(namespace: String, name: String, uid: String) {
        self.namespace = namespace
        self.name = name
        self.uid = uid
    }
}

extension Pod {
    /// Objects from the API always have all three.
    public var reference: PodReference {
        PodReference(namespace: metadata.namespace ?? "default", name: metadata.name ?? "", uid: metadata.uid ?? "")
    }
}

public enum PodChange: Sendable, Equatable {
    /// All pods of the node as they are now; pods known before and not in it are gone. First in every stream, and again
    /// after the reader lagged too far behind.
    case all([Pod])
    /// A pod is new or differs.
    case changed(Pod)
    /// A pod's object is gone (deleted by force or with grace 0): what runs of it must end.
    case removed(Pod)
}

/// What the control loop tells people about an object. The API counts repeats instead of keeping them.
public struct EventRecord: Sendable, Equatable {
    public var object: ObjectReference
    public var type: EventType
    /// One CamelCase word: `Pulled`, `BackOff`.
    public var reason: String
    public var message: String

    public init(_ type: EventType, object: ObjectReference, reason: String, message: String) {
        self.object = object
        self.type = type
        self.reason = reason
        self.message = message
    }
}

/// What a kubelet needs of the Kubernetes API. The API server implements it over its store.
///
/// Errors are `SwiftletError`s: `notFound` when the object is gone or its uid is another's, `invalidArgument` when the
/// object is refused (one note a fault), `unavailable` when the server is stopping.
public protocol ClusterAPI: Sendable {
    /// The pods of this node, then every change, until the caller stops reading.
    func watchPods() -> AsyncThrowingStream<PodChange, any Error>
    func pod(_ reference: PodReference) async throws -> Pod
    /// Replaces the status. A status equal to the present one writes nothing and makes no change for watchers.
    @discardableResult
    func updateStatus(_ status: PodStatus, of pod: PodReference) async throws -> Pod
    /// Creates a pod from a manifest's tree, with defaults and validation; for pods of the manifests folder.
    @discardableResult
    func createPod(_ manifest: JSONValue) async throws -> Pod
    /// Begins the deletion of a pod as a user would; the pod's own grace when `gracePeriodSeconds` is nil.
    func deletePod(_ pod: PodReference, gracePeriodSeconds: Int64?) async throws
    /// Removes the object of a pod whose containers have all ended. A pod that is gone already is no error.
    func removePod(_ pod: PodReference) async throws
    /// The names of ConfigMaps, Secrets and claims that change, until the caller stops reading.
    func watchSources() -> AsyncThrowingStream<SourceChange, any Error>
    /// Nil when there is none.
    func source(_ reference: SourceReference) async throws -> JSONValue?
    /// All of a kind, of all namespaces.
    func sources(_ kind: SourceReference.Kind) async throws -> [JSONValue]
    /// Creates one, or makes the present one so, with a new one if it is immutable; for those of the manifests folder.
    func putSource(_ manifest: JSONValue) async throws
    /// Removes one, whatever finalizer holds it. One that is gone already, or another of its name, is no error.
    func removeSource(_ reference: SourceReference, uid: String) async throws
    /// Adds an event, or counts it up when the same one was recorded lately.
    func record(_ event: EventRecord) async throws
    /// Creates the node's object, or updates its labels and status.
    func register(_ node: Node) async throws
    /// Empty before it is registered.
    func nodeLabels(_ node: String) async throws -> [String: String]
    func updateNodeStatus(_ status: NodeStatus, node: String) async throws
}
