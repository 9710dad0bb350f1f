public struct Namespace: KubeObject {
    public static let apiVersion = "v1"
    public static let kind = "Namespace"

    public var apiVersion: String? = Namespace.apiVersion
    public var kind: String? = Namespace.kind
    public var metadata: ObjectMeta
    public var spec: NamespaceSpec?
    public var status: NamespaceStatus?

    public init(name: String) { metadata = ObjectMeta(name: name) }
}

public struct NamespaceSpec: KubeCodable {
    public var finalizers: [String] = []
}

public struct NamespaceStatus: KubeCodable {
    /// `Active` or `Terminating`.
    public var phase: String?
}
