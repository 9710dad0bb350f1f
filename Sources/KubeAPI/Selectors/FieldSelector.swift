import Errors
import JSON

/// A field selector as written in a query: `status.phase!=Running,spec.nodeName=n1`.
public struct FieldSelector: Sendable, Equatable {
    public struct Requirement: Sendable, Equatable {
        public var field: String
        public var value: String
        public var isEqual: Bool
    }

    public var requirements: [Requirement]

    public init(requirements: [Requirement] = []) { self.requirements = requirements }

    /// `field=value`, for the common case of one object's name.
    public static func equals(_ field: String, _ value: String) -> FieldSelector {
        FieldSelector(requirements: [Requirement(field: field, value: value, isEqual: true)])
    }

    private static let supported: [String: Set<String>] = [
        "Pod": [
            "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
            "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
        ],
        "Event": [
            "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
            "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
            "reportingComponent", "source", "type",
        ],
        "Node": ["spec.unschedulable"],
        "Namespace": ["status.phase"],
        "Secret": ["type"],
    ]

    /// Throws `invalidArgument` for a field that objects of the kind cannot be selected by.
    public init(_ text: String, kind: String) throws {
        requirements = []
        for part in text.split(separator: ",") {
            guard let mark = part.firstIndex(of: "=") else {
                throw SwiftletError.invalid(
                    "field selector \"\(printable(text))\": \"\(printable(String(part)))\" has no = or !=",
                    hint: "write it like status.phase=Running")
            }
            let isEqual = !part[..<mark].hasSuffix("!")
            let field = String(part[..<mark].prefix { $0 != "!" })
            var value = part[part.index(after: mark)...]
            if value.first == "=" { value = value.dropFirst() }
            let known = Self.supported[kind] ?? []
            guard field == "metadata.name" || field == "metadata.namespace" || known.contains(field) else {
                throw SwiftletError.invalid(
                    "field label not supported: \(printable(field))",
                    hint:
                        "use one of \((["metadata.name", "metadata.namespace"] + known.sorted()).joined(separator: ", "))"
                )
            }
            requirements.append(Requirement(field: field, value: String(value), isEqual: isEqual))
        }
    }

    public func matches(_ object: JSONValue) -> Bool {
        requirements.allSatisfy { (Self.value(of: $0.field, in: object) == $0.value) == $0.isEqual }
    }

    private static func value(of field: String, in object: JSONValue) -> String {
        if field == "source" { return object["source"]?["component"]?.string ?? "" }
        if field == "status.podIPs" {
            return (object["status"]?["podIPs"]?.array ?? []).compactMap { $0["ip"]?.string }.joined(separator: ",")
        }
        let value = field.split(separator: ".").reduce(Optional(object)) { $0?[String($1)] }
        switch value {
        case .string(let text): return text
        case .bool(let bool): return bool ? "true" : "false"
        case .int(let number): return String(number)
        default: return field == "spec.hostNetwork" || field == "spec.unschedulable" ? "false" : ""
        }
    }

    /// The name when the selector asks for exactly one.
    public var name: String? { requirements.first { $0.field == "metadata.name" && $0.isEqual }?.value }
}
