/// What every object carries (meta/v1 ObjectMeta).
public struct ObjectMeta: KubeCodable {
    public var name: String?
    public var generateName: String?
    public var namespace: String?
    public var uid: String?
    public var resourceVersion: String?
    public var generation: Int64?
    public var creationTimestamp: Timestamp?
    /// Set once deletion has begun: the time of the request plus the grace.
    public var deletionTimestamp: Timestamp?
    public var deletionGracePeriodSeconds: Int64?
    public var labels: [String: String] = [:]
    public var annotations: [String: String] = [:]
    public var ownerReferences: [OwnerReference] = []
    public var finalizers: [String] = []

    public init(name: String? = nil, namespace: String? = nil) {
        self.name = name
        self.namespace = namespace
    }
}

public struct OwnerReference: KubeCodable {
    public var apiVersion: String
    public var kind: String
    public var name: String
    public var uid: String
    public var controller: Bool?
    public var blockOwnerDeletion: Bool?

    public init(apiVersion: String, kind: String, name: String, uid: String, controller: Bool? = nil) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.name = name
        self.uid = uid
        self.controller = controller
    }
}

extension ObjectMeta {
    /// The one owner that manages this object.
    public var controller: OwnerReference? { ownerReferences.first { $0.controller == true } }
}

/// What a list carries (meta/v1 ListMeta).
public struct ListMeta: KubeCodable {
    public var resourceVersion: String?
    public var `continue`: String?
    public var remainingItemCount: Int64?

    public init(resourceVersion: String? = nil) { self.resourceVersion = resourceVersion }
}

/// An object with a kind of its own.
public protocol KubeObject: KubeCodable {
    static var apiVersion: String { get }
    static var kind: String { get }
    var metadata: ObjectMeta { get set }
}

/// A list of objects as the API answers it.
public struct ObjectList<Item: KubeCodable>: KubeCodable {
    public var apiVersion: String?
    public var kind: String?
    public var metadata: ListMeta
    public var items: [Item]
}

/// A reference to one object of this cluster (core/v1 ObjectReference).
public struct ObjectReference: KubeCodable, Hashable {
    public var apiVersion: String?
    public var kind: String?
    public var namespace: String?
    public var name: String?
    public var uid: String?
    public var resourceVersion: String?
    /// The part of the object: `spec.containers{web}`.
    public var fieldPath: String?

    public init(
        kind: String, namespace: String? = nil, name: String, uid: String? = nil, apiVersion: String = "v1",
        fieldPath: String? = nil
    ) {
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.apiVersion = apiVersion
        self.fieldPath = fieldPath
    }
}

/// `{name}`: an object of the same namespace.
public struct LocalObjectReference: KubeCodable {
    public var name: String?

    public init(name: String? = nil) { self.name = name }
}
