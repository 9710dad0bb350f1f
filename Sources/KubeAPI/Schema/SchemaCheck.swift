import Errors
import JSON

extension Schema {
    /// Every fault of a tree's shape: unknown fields (with the name that was probably meant), wrong types, words and
    /// quantities that do not exist, numbers out of range, required fields absent. At most `limit` of them.
    public static func check(_ value: JSONValue, kind: String, limit: Int = 100) -> [Fault] {
        var walk = SchemaWalk(schema: core, limit: limit)
        walk.structure(kind, value, "")
        return walk.faults
    }

    /// The same tree as the API keeps it: nulls and unknown fields dropped, quantities in canonical form, whole numbers
    /// as integers. Only for trees that `check` has no fault with, unknown fields aside.
    public static func normalized(_ value: JSONValue, kind: String) -> JSONValue {
        core.normalized(value, .structure(kind)) ?? [:]
    }
}

private struct SchemaWalk {
    let schema: Schema
    let limit: Int
    var faults: [Fault] = []

    mutating func add(_ fault: Fault) {
        if faults.count < limit { faults.append(fault) }
    }

    mutating func wrongType(_ wanted: String, _ value: JSONValue, _ path: String) {
        add(
            Fault(
                reason: .typeInvalid, path: path.isEmpty ? "object" : path,
                message: "expected \(wanted), found \(value.kind)"))
    }

    mutating func structure(_ name: String, _ value: JSONValue, _ path: String) {
        guard let structure = schema[name] else { return }
        guard let members = value.object else { return wrongType("object", value, path) }
        for (key, member) in members.sorted(by: { $0.key < $1.key }) {
            guard let field = structure.fields[key] else {
                add(unknown(key, in: structure, path))
                continue
            }
            if !member.isNull { check(member, field.type, join(path, key), required: field.isRequired) }
        }
        for name in structure.order {
            guard structure.fields[name]?.isRequired == true else { continue }
            let member = members[name]
            if member?.isNull ?? true { add(.required(join(path, name))) }
        }
    }

    func join(_ path: String, _ key: String) -> String {
        // A member may have no name at all, and must be found all the same.
        let key = key.isEmpty ? "\"\"" : printable(key)
        return path.isEmpty ? key : "\(path).\(key)"
    }

    func unknown(_ key: String, in structure: Structure, _ path: String) -> Fault {
        let near = nearest(to: key, in: structure.order)
        return Fault(
            reason: .unknownField, path: join(path, key),
            message: "unknown field" + (near.map { " (did you mean \($0)?)" } ?? ""))
    }

    mutating func check(_ value: JSONValue, _ type: FieldType, _ path: String, required: Bool) {
        switch type {
        case .any: break
        case .string: if value.string == nil { wrongType("string", value, path) }
        case .bool: if value.bool == nil { wrongType("boolean", value, path) }
        case .int32: integer(value, Int64(Int32.min)...Int64(Int32.max), path)
        case .int64: integer(value, .min ... .max, path)
        case .time: time(value, path)
        case .quantity: quantity(value, path)
        case .bytes: bytes(value, path)
        case .intOrString:
            if value.string == nil {
                if value.double == nil {
                    wrongType("integer or string", value, path)
                } else {
                    integer(value, Int64(Int32.min)...Int64(Int32.max), path)
                }
            }
        case .enumeration(let words): word(value, words, path, required: required)
        case .list(let element): list(value, element, path)
        case .map(let element): map(value, element, path)
        case .structure(let name): structure(name, value, path)
        }
    }

    mutating func list(_ value: JSONValue, _ element: FieldType, _ path: String) {
        guard let elements = value.array else { return wrongType("array", value, path) }
        for (index, member) in elements.enumerated() {
            if faults.count >= limit { return }
            check(member, element, "\(path)[\(index)]", required: true)
        }
    }

    mutating func map(_ value: JSONValue, _ element: FieldType, _ path: String) {
        guard let members = value.object else { return wrongType("object", value, path) }
        for (key, member) in members.sorted(by: { $0.key < $1.key }) {
            if faults.count >= limit { return }
            check(member, element, "\(path)[\(printable(key))]", required: true)
        }
    }

    mutating func integer(_ value: JSONValue, _ range: ClosedRange<Int64>, _ path: String) {
        guard value.double != nil else { return wrongType("integer", value, path) }
        guard let number = value.int else { return wrongType("integer", value, path) }
        if !range.contains(number) {
            add(
                Fault(
                    reason: .typeInvalid, path: path,
                    message: "\(number) does not fit \(range.upperBound == .max ? 64 : 32) bits"))
        }
    }

    mutating func time(_ value: JSONValue, _ path: String) {
        guard let text = value.string else { return wrongType("time (RFC 3339 string)", value, path) }
        do { _ = try Timestamp(rfc3339: text) } catch {
            add(Fault(reason: .typeInvalid, path: path, message: SwiftletError.wrapping(error).description))
        }
    }

    mutating func quantity(_ value: JSONValue, _ path: String) {
        guard value.string != nil || value.double != nil else { return wrongType("quantity", value, path) }
        do { _ = try Quantity(value.string ?? value.text()) } catch {
            add(Fault(reason: .typeInvalid, path: path, message: SwiftletError.wrapping(error).description))
        }
    }

    /// The value is not shown: it may be secret.
    mutating func bytes(_ value: JSONValue, _ path: String) {
        guard let text = value.string else { return wrongType("base64 string", value, path) }
        if Base64.decode(Array(text.utf8.filter { $0 != 0x0a && $0 != 0x0d })) == nil {
            add(Fault(reason: .typeInvalid, path: path, message: "illegal base64 data"))
        }
    }

    mutating func word(_ value: JSONValue, _ words: [String], _ path: String, required: Bool) {
        guard let text = value.string else { return wrongType("string", value, path) }
        if words.contains(text) || (text.isEmpty && !required) { return }
        // A word that ends in "-" stands for a family: HugePages-2Mi.
        if words.contains(where: { $0.hasSuffix("-") && text.hasPrefix($0) && text != $0 }) { return }
        if text.isEmpty { return add(.required(path)) }
        add(.notSupported(path, value, words.filter { !$0.isEmpty }.sorted()))
    }
}

/// The candidate that differs by case only, or by at most two edits (one for short names).
func nearest(to name: String, in candidates: [String]) -> String? {
    if let same = candidates.first(where: { $0.lowercased() == name.lowercased() }) { return same }
    guard name.utf8.count <= 64 else { return nil }
    let allowed = name.utf8.count <= 4 ? 1 : 2
    let ranked = candidates.map { ($0, editDistance(Array(name.utf8), Array($0.utf8))) }
    return ranked.filter { $0.1 <= allowed }.min { $0.1 < $1.1 }?.0
}

/// Insertions, deletions, substitutions and swaps of neighbours.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var before: [Int] = []
    var previous = Array(0...b.count)
    for i in a.indices {
        var row = [i + 1]
        for j in b.indices {
            var best = min(row[j] + 1, previous[j + 1] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, before[j - 1] + 1) }
            row.append(best)
        }
        before = previous
        previous = row
    }
    return previous[b.count]
}

extension Schema {
    fileprivate func normalized(_ value: JSONValue, _ type: FieldType) -> JSONValue? {
        switch (type, value) {
        case (_, .null): return nil
        case (.structure(let name), .object(let members)):
            guard let structure = self[name] else { return value }
            var kept: [String: JSONValue] = [:]
            for (key, member) in members {
                guard let field = structure.fields[key] else { continue }
                kept[key] = normalized(member, field.type)
            }
            return .object(kept)
        case (.map(let element), .object(let members)):
            return .object(members.compactMapValues { normalized($0, element) })
        case (.list(let element), .array(let elements)): return .array(elements.compactMap { normalized($0, element) })
        case (.quantity, _):
            return (try? Quantity(value.string ?? value.text())).map { .string($0.description) } ?? value
        // Unset and "" are the same to Kubernetes; a word that is none would be unreadable later.
        case (.enumeration(let words), "") where !words.contains(""): return nil
        // Lines are broken in what base64(1) prints.
        case (.bytes, .string(let text)) where text.utf8.contains { $0 == 0x0a || $0 == 0x0d }:
            return .string(text.filter { !$0.isNewline })
        case (.int32, .double), (.int64, .double), (.intOrString, .double): return value.int.map { .int($0) } ?? value
        default: return value
        }
    }
}
