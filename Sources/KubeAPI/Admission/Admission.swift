import Errors
import JSON

/// What the API does to an object on its way in: check its shape, complete it, check its meaning.
public struct Admission: Sendable {
    /// The object as it is stored; nil when there are faults.
    public var object: JSONValue?
    public var faults: [Fault] = []
    /// Sentences for the object's author.
    public var warnings: [String] = []

    public enum UnknownFields: Sendable { case strict, warn, ignore }

    /// Admits a new object, or the new form of an old one, of a kind of `v1`. `name` overrides nothing: the object must
    /// carry its own.
    public init(_ object: JSONValue, kind: String, unknownFields: UnknownFields = .strict) {
        let shape = Schema.check(object, kind: kind)
        faults = shape.filter { fault in
            guard fault.reason == .unknownField, unknownFields != .strict else { return true }
            if unknownFields == .warn { warnings.append("unknown field \"\(fault.path)\": \(fault.message)") }
            return false
        }
        switch kind {
        case "ConfigMap", "Secret":
            faults += Self.added(ConfigValidation.faults(object, kind: kind), to: faults)
        case "PersistentVolumeClaim": faults += Self.added(ClaimValidation.faults(object), to: faults)
        case "Pod": faults += Self.added(PodValidation.faults(object), to: faults)
        case "Namespace": faults += Self.metadataFaults(object, namespaced: false, Names.label)
        case "Node": faults += Self.metadataFaults(object, namespaced: false, Names.subdomain)
        default: faults += Self.metadataFaults(object, namespaced: true, Names.subdomain)
        }
        guard faults.isEmpty else { return }
        var complete = Schema.normalized(object, kind: kind)
        complete["apiVersion"] = "v1"
        complete["kind"] = .string(kind)
        if kind == "Pod" {
            let ignored = ActedOn.ignoredPaths(in: complete)
            warnings += ignored.map { "\($0): known to Kubernetes, but Swiftlet does not act on it yet" }
            complete = PodDefaults.apply(to: complete)
        }
        if kind == "Secret" { complete = ConfigValidation.completed(complete) }
        self.object = complete
    }

    private static func metadataFaults(
        _ object: JSONValue, namespaced: Bool, _ name: (String) -> String?
    ) -> [Fault] {
        var validator = Validator()
        validator.metadata(Located(object)["metadata"], namespaced: namespaced, name: name)
        return validator.faults
    }

    /// A field that is absent is found by both checks, and named once.
    private static func added(_ more: [Fault], to faults: [Fault]) -> [Fault] {
        more.filter { fault in !faults.contains { $0.path == fault.path && $0.reason == fault.reason } }
    }
}
