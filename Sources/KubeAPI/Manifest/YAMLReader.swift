import Errors
import JSON
import Yams

/// YAML documents as trees, typed as kubectl types them (YAML 1.1), bounded against documents made to exhaust a reader.
struct YAMLReader {
    struct Document: Sendable {
        /// Counted from 1.
        var number: Int
        /// Where it begins, counted from 1 in the whole text.
        var line: Int
        var value: JSONValue
    }

    static let maxDepth = 100
    /// Values and key and text bytes after aliases are expanded.
    static let maxNodes = 500_000
    static let maxBytes = 16 << 20

    private let text: String
    private var nodes = 0
    private var bytes = 0
    /// Matches every untagged scalar, so that one tagged `!!str` can be told from it.
    private static let untagged = "swiftlet:untagged"

    static func documents(_ text: String) throws -> [Document] {
        var reader = YAMLReader(text: text)
        return try reader.read()
    }

    private init(text: String) { self.text = text }

    private mutating func read() throws -> [Document] {
        if AliasScan.usesAliasInKey(text) {
            throw SwiftletError.invalid("YAML aliases together with keys that are no plain words are not accepted")
        }
        var documents: [Document] = []
        var number = 0
        do {
            let resolver = try Resolver.basic.appending(Tag.Name(rawValue: Self.untagged), "^")
            let parser = try Yams.Parser(yaml: text, resolver: resolver)
            while let root = try parser.nextRoot() {
                number += 1
                documents.append(Document(number: number, line: root.mark?.line ?? 1, value: try value(root, depth: 0)))
            }
        } catch let error as YamlError {
            throw fault(error, document: number + 1)
        } catch {
            throw SwiftletError.wrapping(error).during("read document", "\(max(number, 1))")
        }
        return documents
    }

    private func fault(_ error: YamlError, document: Int) -> SwiftletError {
        let (what, line): (String, Int?) =
            switch error {
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                (problem, mark.line)
            case .reader(let problem, _, _, _): (problem, nil)
            case .duplicatedKeysInMapping(let keys, let context):
                (
                    "key \(keys.map { "\"\(printable($0, limit: 64))\"" }.joined(separator: ", ")) stands twice in one mapping",
                    context.mark.line
                )
            default: (printable("\(error)"), nil)
            }
        let place = line.map { ", line \($0)" } ?? ""
        return .invalid("not valid YAML: \(printable(what))", object: "document \(document)\(place)")
    }

    private mutating func spend(nodes: Int = 1, bytes: Int = 0) throws {
        self.nodes += nodes
        self.bytes += bytes
        guard self.nodes <= Self.maxNodes, self.bytes <= Self.maxBytes else {
            throw SwiftletError(
                .resourceExhausted, "the YAML expands to more than \(Self.maxNodes) values or \(Self.maxBytes) bytes",
                hint: "write it without aliases, or split it")
        }
    }

    private mutating func value(_ node: Yams.Node, depth: Int) throws -> JSONValue {
        guard depth <= Self.maxDepth else {
            throw SwiftletError.invalid("line \(node.mark?.line ?? 0): nested deeper than \(Self.maxDepth)")
        }
        try spend()
        switch node {
        case .scalar(let scalar):
            try spend(nodes: 0, bytes: scalar.string.utf8.count)
            return YAMLScalar.value(scalar.string, isPlain: isUntagged(node, scalar))
        case .sequence(let sequence): return .array(try sequence.map { try value($0, depth: depth + 1) })
        case .mapping(let mapping): return .object(try members(mapping, depth: depth))
        default: throw SwiftletError.invalid("line \(node.mark?.line ?? 0): unresolved alias")
        }
    }

    private func isUntagged(_ node: Yams.Node, _ scalar: Yams.Node.Scalar) -> Bool {
        scalar.style == .plain && node.tag.description == Self.untagged
    }

    private mutating func members(_ mapping: Yams.Node.Mapping, depth: Int) throws -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        var merged: [String: JSONValue] = [:]
        for (key, node) in mapping {
            guard case .scalar(let scalar) = key else {
                throw SwiftletError.invalid("line \(key.mark?.line ?? 0): a key must be a word")
            }
            let value = try value(node, depth: depth + 1)
            let isPlain = isUntagged(key, scalar)
            if isPlain, scalar.string == "<<" {
                for source in (value.array ?? [value]).reversed() {
                    guard let more = source.object else {
                        throw SwiftletError.invalid(
                            "line \(key.mark?.line ?? 0): << takes a mapping or a list of mappings")
                    }
                    try spend(nodes: more.count)
                    merged.merge(more) { _, nearer in nearer }
                }
                continue
            }
            let name = Self.keyText(scalar.string, isPlain: isPlain)
            try spend(nodes: 0, bytes: name.utf8.count)
            guard members.updateValue(value, forKey: name) == nil else {
                throw SwiftletError.invalid(
                    "line \(key.mark?.line ?? 0): key \"\(printable(name, limit: 64))\" stands twice in one mapping")
            }
        }
        return merged.merging(members) { _, own in own }
    }

    /// Keys are always text in JSON: a number or boolean is spelt out.
    private static func keyText(_ text: String, isPlain: Bool) -> String {
        switch YAMLScalar.value(text, isPlain: isPlain) {
        case .bool(let bool): bool ? "true" : "false"
        case .int(let number): String(number)
        case .string(let string): string
        default: text
        }
    }
}
