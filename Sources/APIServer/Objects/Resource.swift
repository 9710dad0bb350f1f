import KubeAPI

/// A kind of object that is served under `/api/v1`.
struct Resource: Sendable, Hashable {
    var plural: String
    var singular: String
    var kind: String
    var isNamespaced: Bool
    var shortNames: [String]
    var categories: [String] = []
    var subresources: [String] = []

    static let pods = Resource(
        plural: "pods", singular: "pod", kind: "Pod", isNamespaced: true, shortNames: ["po"], categories: ["all"],
        subresources: ["attach", "exec", "log", "portforward", "resize", "status"])
    static let events = Resource(
        plural: "events", singular: "event", kind: "Event", isNamespaced: true, shortNames: ["ev"])
    static let namespaces = Resource(
        plural: "namespaces", singular: "namespace", kind: "Namespace", isNamespaced: false, shortNames: ["ns"],
        subresources: ["status"])
    static let nodes = Resource(
        plural: "nodes", singular: "node", kind: "Node", isNamespaced: false, shortNames: ["no"],
        subresources: ["status"])

    static let configMaps = Resource(
        plural: "configmaps", singular: "configmap", kind: "ConfigMap", isNamespaced: true, shortNames: ["cm"])
    static let secrets = Resource(
        plural: "secrets", singular: "secret", kind: "Secret", isNamespaced: true, shortNames: [])
    static let claims = Resource(
        plural: "persistentvolumeclaims", singular: "persistentvolumeclaim", kind: "PersistentVolumeClaim",
        isNamespaced: true, shortNames: ["pvc"], subresources: ["status"])

    static let all = [configMaps, events, namespaces, nodes, claims, pods, secrets]

    static func named(_ plural: some StringProtocol) -> Resource? { all.first { $0.plural == plural } }
}

/// Where one object is kept.
struct ObjectKey: Sendable, Hashable {
    var resource: Resource
    /// "" for cluster-wide objects.
    var namespace: String
    var name: String

    /// `default/web`, or the name alone.
    var path: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }
}
