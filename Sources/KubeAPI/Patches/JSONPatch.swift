import Errors
import JSON

/// RFC 6902: a list of operations at JSON pointers, all or nothing.
public struct JSONPatch: Sendable {
    private enum Operation: Sendable {
        case add([String], JSONValue), remove([String]), replace([String], JSONValue)
        case move(from: [String], to: [String]), copy(from: [String], to: [String]), test([String], JSONValue)
    }

    /// A patch of more operations is refused.
    public static let maxOperations = 10_000
    /// What all copies of one patch may add, in values.
    private static let maxCopied = 200_000

    private let operations: [Operation]

    /// Throws `invalidArgument` for what is no patch.
    public init(_ patch: JSONValue) throws {
        guard let list = patch.array else {
            throw SwiftletError.invalid("a JSON patch must be an array, found \(patch.kind)")
        }
        guard list.count <= Self.maxOperations else {
            throw SwiftletError(.resourceExhausted, "a JSON patch of more than \(Self.maxOperations) operations")
        }
        operations = try list.enumerated().map { index, entry in
            do { return try Self.operation(entry) } catch {
                throw SwiftletError.wrapping(error).during("read operation", "\(index)")
            }
        }
    }

    private static func operation(_ entry: JSONValue) throws -> Operation {
        func pointer(_ key: String) throws -> [String] {
            guard let text = entry[key]?.string else { throw SwiftletError.invalid("\(key) must be a JSON pointer") }
            if text.isEmpty { return [] }
            guard text.first == "/" else {
                throw SwiftletError.invalid("pointer \"\(printable(text))\" does not begin with /")
            }
            return text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(unescape)
        }
        func value() throws -> JSONValue {
            guard let value = entry["value"] else { throw SwiftletError.invalid("value is missing") }
            return value
        }
        switch entry["op"]?.string {
        case "add": return .add(try pointer("path"), try value())
        case "remove": return .remove(try pointer("path"))
        case "replace": return .replace(try pointer("path"), try value())
        case "move": return .move(from: try pointer("from"), to: try pointer("path"))
        case "copy": return .copy(from: try pointer("from"), to: try pointer("path"))
        case "test": return .test(try pointer("path"), try value())
        default: throw SwiftletError.invalid("op must be one of add, remove, replace, move, copy, test")
        }
    }

    /// `~1` is a slash and `~0` a tilde.
    private static func unescape(_ token: Substring) -> String {
        var out = ""
        var rest = token
        while let index = rest.firstIndex(of: "~") {
            out += rest[..<index]
            let after = rest[index...].dropFirst().first
            out += after == "1" ? "/" : "~"
            rest = rest[index...].dropFirst(after == "1" || after == "0" ? 2 : 1)
        }
        return out + rest
    }

    /// Throws `failedPrecondition` when a `test` fails and `invalidArgument` when a path does not exist.
    public func apply(to document: JSONValue) throws -> JSONValue {
        var document = document
        var copied = 0
        for operation in operations {
            switch operation {
            case .add(let path, let value): try Self.add(value, at: path[...], in: &document)
            case .remove(let path): _ = try Self.remove(path[...], in: &document)
            case .replace(let path, let value): try Self.replace(value, at: path, in: &document)
            case .move(let from, let to):
                guard !(to.starts(with: from) && to.count > from.count) else {
                    throw SwiftletError.invalid("a value cannot move into itself", object: Self.text(to))
                }
                let value = try Self.remove(from[...], in: &document)
                try Self.add(value, at: to[...], in: &document)
            case .copy(let from, let to):
                let value = try Self.get(from, document)
                copied += Self.size(value)
                guard copied <= Self.maxCopied else {
                    throw SwiftletError(.resourceExhausted, "the patch copies more than \(Self.maxCopied) values")
                }
                try Self.add(value, at: to[...], in: &document)
            case .test(let path, let value):
                guard try Self.get(path, document) == value else {
                    throw SwiftletError(.failedPrecondition, "test failed", object: Self.text(path))
                }
            }
        }
        return document
    }

    private static func size(_ value: JSONValue) -> Int {
        switch value {
        case .array(let elements): elements.reduce(1) { $0 + size($1) }
        case .object(let members): members.values.reduce(1) { $0 + size($1) }
        default: 1
        }
    }

    private static func text(_ path: some Sequence<String>) -> String { path.map { "/" + printable($0) }.joined() }

    private static func missing(_ path: some Sequence<String>) -> SwiftletError {
        .invalid("the path does not exist", object: text(path))
    }

    /// No signs, no leading zeros.
    private static func index(_ token: String, below count: Int) -> Int? {
        guard token == "0" || (token.first != "0" && token.utf8.allSatisfy { (0x30...0x39).contains($0) }),
            let index = Int(token), index < count
        else { return nil }
        return index
    }

    private static func get(_ path: [String], _ document: JSONValue) throws -> JSONValue {
        var value = document
        for token in path {
            let next: JSONValue? =
                if case .array(let elements) = value { index(token, below: elements.count).map { elements[$0] } } else {
                    value[token]
                }
            guard let next else { throw missing(path) }
            value = next
        }
        return value
    }

    private static func add(_ new: JSONValue, at path: ArraySlice<String>, in value: inout JSONValue) throws {
        guard let token = path.first else {
            value = new
            return
        }
        guard path.count == 1 else {
            return try descend(token, path, &value) { try add(new, at: path.dropFirst(), in: &$0) }
        }
        switch value {
        case .object: value[token] = new
        case .array(var elements):
            guard let at = token == "-" ? elements.count : index(token, below: elements.count + 1) else {
                throw missing(path)
            }
            elements.insert(new, at: at)
            value = .array(elements)
        default: throw missing(path)
        }
    }

    private static func remove(_ path: ArraySlice<String>, in value: inout JSONValue) throws -> JSONValue {
        guard let token = path.first else { throw SwiftletError.invalid("the whole document cannot be removed") }
        guard path.count == 1 else {
            var removed: JSONValue = .null
            try descend(token, path, &value) { removed = try remove(path.dropFirst(), in: &$0) }
            return removed
        }
        switch value {
        case .object(var members):
            guard let old = members.removeValue(forKey: token) else { throw missing(path) }
            value = .object(members)
            return old
        case .array(var elements):
            guard let at = index(token, below: elements.count) else { throw missing(path) }
            let old = elements.remove(at: at)
            value = .array(elements)
            return old
        default: throw missing(path)
        }
    }

    private static func replace(_ new: JSONValue, at path: [String], in document: inout JSONValue) throws {
        guard !path.isEmpty else {
            document = new
            return
        }
        _ = try get(path, document)
        _ = try remove(path[...], in: &document)
        try add(new, at: path[...], in: &document)
    }

    private static func descend(
        _ token: String, _ path: ArraySlice<String>, _ value: inout JSONValue,
        _ change: (inout JSONValue) throws -> Void
    ) throws {
        switch value {
        case .object(var members):
            guard var member = members[token] else { throw missing(path) }
            try change(&member)
            members[token] = member
            value = .object(members)
        case .array(var elements):
            guard let at = index(token, below: elements.count) else { throw missing(path) }
            try change(&elements[at])
            value = .array(elements)
        default: throw missing(path)
        }
    }
}
