import Errors
import JSON

/// One thing wrong with an object, with Kubernetes' words for it.
public struct Fault: Sendable, Equatable, CustomStringConvertible {
    public enum Reason: String, Sendable {
        case required = "FieldValueRequired"
        case invalid = "FieldValueInvalid"
        case notSupported = "FieldValueNotSupported"
        case duplicate = "FieldValueDuplicate"
        case forbidden = "FieldValueForbidden"
        case notFound = "FieldValueNotFound"
        case tooLong = "FieldValueTooLong"
        case typeInvalid = "FieldValueTypeInvalid"
        /// No field of this name: the document cannot be read strictly.
        case unknownField = "UnknownField"
    }

    public var reason: Reason
    /// `spec.containers[0].image`
    public var path: String
    /// Without the path.
    public var message: String

    public init(reason: Reason, path: String, message: String) {
        self.reason = reason
        self.path = path
        self.message = message
    }

    public var description: String { "\(path): \(message)" }

    /// Faults of the document's shape, which make the request a bad one rather than its object invalid.
    public var isStructural: Bool { reason == .typeInvalid || reason == .unknownField }
}

extension Fault {
    static func required(_ path: String, _ detail: String = "") -> Fault {
        Fault(reason: .required, path: path, message: "Required value" + (detail.isEmpty ? "" : ": \(detail)"))
    }

    static func invalid(_ path: String, _ value: JSONValue, _ detail: String) -> Fault {
        Fault(reason: .invalid, path: path, message: "Invalid value: \(shown(value)): \(detail)")
    }

    static func duplicate(_ path: String, _ value: JSONValue) -> Fault {
        Fault(reason: .duplicate, path: path, message: "Duplicate value: \(shown(value))")
    }

    static func forbidden(_ path: String, _ detail: String) -> Fault {
        Fault(reason: .forbidden, path: path, message: "Forbidden: \(detail)")
    }

    static func notFound(_ path: String, _ value: JSONValue) -> Fault {
        Fault(reason: .notFound, path: path, message: "Not found: \(shown(value))")
    }

    static func notSupported(_ path: String, _ value: JSONValue, _ supported: [String]) -> Fault {
        let words = supported.map { "\"\($0)\"" }.joined(separator: ", ")
        return Fault(
            reason: .notSupported, path: path, message: "Unsupported value: \(shown(value)): supported values: \(words)"
        )
    }

    private static func shown(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): "\"\(printable(text, limit: 128))\""
        default: printable(value.text(), limit: 128)
        }
    }
}

extension SwiftletError {
    /// All faults of an object as one error: the first in the message, the others as notes.
    public static func refused(_ faults: [Fault], object: String) -> SwiftletError {
        let texts = faults.map(\.description)
        let more = texts.count > 1 ? " (and \(texts.count - 1) more)" : ""
        return SwiftletError(
            .invalidArgument, (texts.first ?? "invalid") + more, object: object, notes: Array(texts.dropFirst()))
    }
}
