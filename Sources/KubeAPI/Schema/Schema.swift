/// What a field of a Kubernetes object may hold.
indirect enum FieldType: Sendable, Equatable {
    case string, int32, int64, bool, time, quantity, intOrString
    /// Base64 in a string.
    case bytes
    /// Free form.
    case any
    /// The words allowed; "" means unset and is always allowed where the field is optional.
    case enumeration([String])
    case list(FieldType)
    case map(FieldType)
    case structure(String)
}

/// How strategic merge patch treats a field.
struct MergeRule: Sendable, Equatable {
    /// Elements are merged, not replaced: by this member of theirs, or as a set when nil.
    var merges = false
    var key: String?
    /// Members that the patch does not name are dropped ($retainKeys).
    var retainsKeys = false
}

struct Field: Sendable {
    let name: String
    let type: FieldType
    let isRequired: Bool
    let merge: MergeRule
}

struct Structure: Sendable {
    let name: String
    let fields: [String: Field]
    /// In the order of the API's own documentation.
    let order: [String]
}

/// The shapes of all types, parsed once from `SchemaTable`'s text.
public struct Schema: Sendable {
    static let core = Schema(text: [
        SchemaTable.pod, SchemaTable.container, SchemaTable.volume, SchemaTable.status, SchemaTable.cluster,
        SchemaTable.config,
    ])

    private let structures: [String: Structure]

    subscript(name: String) -> Structure? { structures[name] }

    /// Whether objects of this kind of `v1` are known.
    static func knows(kind: String) -> Bool { core[kind]?.fields["metadata"] != nil }
}

/// Compact tables: a structure's name on a line of its own, then its fields indented by one space: name, type, flags.
/// `[T]` is a list, `{T}` a map of strings to T, `!` before the type means required, `+Name` takes over another
/// structure's fields; `merge`, `merge=key` and `retainKeys` are strategic merge patch's rules.
enum SchemaTable {}

extension Schema {
    init(text: [String]) {
        var lines: [(name: Substring, fields: [Substring])] = []
        for line in text.joined(separator: "\n").split(separator: "\n") {
            if line.first == " " {
                lines[lines.count - 1].fields.append(line.dropFirst())
            } else {
                lines.append((line, []))
            }
        }
        let bodies = Dictionary(lines.map { ($0.name, $0.fields) }, uniquingKeysWith: +)
        structures = Dictionary(
            lines.map { entry in
                let fields = Schema.fields(of: entry.name, bodies)
                let byName = Dictionary(fields.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
                return (
                    String(entry.name), Structure(name: String(entry.name), fields: byName, order: fields.map(\.name))
                )
            }, uniquingKeysWith: { first, _ in first })
    }

    private static func fields(of name: Substring, _ bodies: [Substring: [Substring]]) -> [Field] {
        (bodies[name] ?? []).flatMap { line in
            line.first == "+" ? fields(of: line.dropFirst(), bodies) : [field(line)]
        }
    }

    private static func field(_ line: Substring) -> Field {
        let words = line.split(separator: " ")
        let required = words[1].first == "!"
        var merge = MergeRule()
        for flag in words.dropFirst(2) {
            if flag == "retainKeys" {
                merge.retainsKeys = true
            } else {
                merge.merges = true
                merge.key = flag.split(separator: "=").dropFirst().first.map(String.init)
            }
        }
        return Field(
            name: String(words[0]), type: type(required ? words[1].dropFirst() : words[1]), isRequired: required,
            merge: merge)
    }

    private static func type(_ text: Substring) -> FieldType {
        if text.first == "[" { return .list(type(text.dropFirst().dropLast())) }
        if text.first == "{" { return .map(type(text.dropFirst().dropLast())) }
        if text.hasPrefix("enum(") {
            let words = text.dropFirst(5).dropLast().split(separator: "|", omittingEmptySubsequences: false)
            return .enumeration(words.map(String.init))
        }
        switch text {
        case "string": return .string
        case "int32": return .int32
        case "int64": return .int64
        case "bool": return .bool
        case "time": return .time
        case "quantity": return .quantity
        case "intOrString": return .intOrString
        case "bytes": return .bytes
        case "any": return .any
        default: return .structure(String(text))
        }
    }
}
