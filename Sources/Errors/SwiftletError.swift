/// The one error type of the project: what was being done, to what, why it failed and what to do next.
///
/// Every room throws it. It maps in one place each to JSON-RPC codes (`CRI`), HTTP Status objects (`APIServer`) and exit
/// codes (`swiftlet`). `description` is a sentence a person can act on:
/// `create container web/app: memory limit 64Mi needs the memory controller, … (hint)`.
public struct SwiftletError: Error, Sendable, Equatable {
    /// The words of gRPC status codes, which CRI uses; Kubernetes' reasons follow from them.
    public enum Code: String, Sendable, CaseIterable {
        case cancelled, unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists, permissionDenied
        case resourceExhausted, failedPrecondition, aborted, outOfRange, unimplemented, `internal`, unavailable
        case dataLoss, unauthenticated
    }

    public var code: Code
    /// What was being done: `create container`. Empty when the reason says it all.
    public var operation: String
    /// To what: `web/app`, a path, a digest. Already safe to print.
    public var object: String
    public var reason: String
    /// The kernel's error number, where one is the cause.
    public var errno: Int32?
    /// What to do next, as an imperative sentence.
    public var hint: String?
    /// What went wrong besides: undo steps that failed, other faults of the same input.
    public var notes: [String]

    public init(
        _ code: Code, _ reason: String, operation: String = "", object: String = "", errno: Int32? = nil,
        hint: String? = nil, notes: [String] = []
    ) {
        self.code = code
        self.operation = operation
        self.object = object
        self.reason = reason
        self.errno = errno
        self.hint = hint
        self.notes = notes
    }

    /// The same error seen from a caller that knows more of what was being done. Fields already set stay.
    public func during(_ operation: String, _ object: String = "") -> SwiftletError {
        var outer = self
        if outer.operation.isEmpty && outer.object.isEmpty {
            outer.operation = operation
            outer.object = object
        } else if !operation.isEmpty {
            outer.reason = message
            outer.operation = operation
            outer.object = object
        }
        return outer
    }

    /// Operation, object and reason, without hint and notes.
    public var message: String {
        let head = [operation, object].filter { !$0.isEmpty }.joined(separator: " ")
        return head.isEmpty ? reason : "\(head): \(reason)"
    }
}

extension SwiftletError: CustomStringConvertible {
    public var description: String {
        var text = message
        if let hint { text += "; \(hint)" }
        for note in notes { text += "\n  also: \(note)" }
        return text
    }
}

extension SwiftletError {
    public static func notFound(_ kind: String, _ name: String, hint: String? = nil) -> SwiftletError {
        SwiftletError(.notFound, "not found", object: "\(kind) \(printable(name))", hint: hint)
    }

    public static func invalid(_ reason: String, object: String = "", hint: String? = nil) -> SwiftletError {
        SwiftletError(.invalidArgument, reason, object: object, hint: hint)
    }

    /// Any error as ours; a foreign one keeps its text under `unknown`.
    public static func wrapping(_ error: any Error) -> SwiftletError {
        if let error = error as? SwiftletError { return error }
        if error is CancellationError { return SwiftletError(.cancelled, "cancelled") }
        return SwiftletError(.unknown, String(describing: error))
    }
}

/// `text` with control characters (terminal escapes, line breaks) and bidirectional overrides written as `\u{…}`, cut to
/// `limit` characters: names from archives, manifests and sockets go through this before they reach a message.
public func printable(_ text: String, limit: Int = 256) -> String {
    var out = ""
    var count = 0
    for scalar in text.unicodeScalars {
        if count == limit {
            out += "…"
            break
        }
        count += 1
        switch scalar.value {
        case 0..<0x20, 0x7f..<0xa0, 0x61c, 0x200b...0x200f, 0x2028...0x202e, 0x2060...0x206f, 0xfeff:
            out += "\\u{\(String(scalar.value, radix: 16))}"
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out
}
