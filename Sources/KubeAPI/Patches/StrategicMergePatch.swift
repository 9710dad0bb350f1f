import Errors
import JSON

/// Kubernetes' strategic merge patch: a merge patch in which lists whose type says so are merged by a key of their
/// elements. Rules: the `merge` flags of `SchemaTable`; kinds it does not know are patched as `MergePatch` does.
public enum StrategicMergePatch {
    /// Throws `invalidArgument` for directives that make no sense.
    public static func apply(_ patch: JSONValue, to target: JSONValue, kind: String) throws -> JSONValue {
        guard patch.object != nil else {
            throw SwiftletError.invalid("a strategic merge patch must be an object, found \(patch.kind)")
        }
        return try merged(patch, into: target, .structure(kind)) ?? [:]
    }

    static let directive = "$patch"
    static let retainKeys = "$retainKeys"
    static let orderPrefix = "$setElementOrder/"
    static let deletePrefix = "$deleteFromPrimitiveList/"

    /// nil: the object deletes itself.
    private static func merged(_ patch: JSONValue, into target: JSONValue?, _ type: FieldType) throws -> JSONValue? {
        guard var changes = patch.object else { return patch }
        switch changes.removeValue(forKey: directive)?.string {
        case nil, "merge": break
        case "replace": return clean(.object(changes))
        case "delete": return nil
        case let other?: throw SwiftletError.invalid("unknown $patch directive \"\(printable(other))\"")
        }
        var members = target?.object ?? [:]
        if let kept = changes.removeValue(forKey: retainKeys)?.array {
            let names = Set(kept.compactMap(\.string))
            members = members.filter { names.contains($0.key) }
        }
        for (key, values) in changes where key.hasPrefix(deletePrefix) {
            let name = String(key.dropFirst(deletePrefix.count))
            let gone = values.array ?? []
            if let list = members[name]?.array { members[name] = .array(list.filter { !gone.contains($0) }) }
        }
        for (key, change) in changes where !key.hasPrefix("$") {
            members[key] = try member(change, members[key], type, key, order: changes[orderPrefix + key])
        }
        // An order may come without a change of the list itself.
        for (key, order) in changes where key.hasPrefix(orderPrefix) {
            let name = String(key.dropFirst(orderPrefix.count))
            guard changes[name] == nil, let list = members[name]?.array else { continue }
            members[name] = .array(sorted(list, live: list, by: order.array ?? [], key: rule(type, name).key))
        }
        return .object(members)
    }

    private static func member(
        _ change: JSONValue, _ old: JSONValue?, _ type: FieldType, _ key: String, order: JSONValue?
    ) throws -> JSONValue? {
        switch change {
        case .null: return nil
        case .object: return try merged(change, into: old, self.type(type, key))
        case .array(let elements):
            let rule = rule(type, key)
            guard rule.merges else { return clean(change) }
            var elementType = FieldType.any
            if case .list(let element) = self.type(type, key) { elementType = element }
            var list = try mergedList(elements, into: old?.array ?? [], elementType, key: rule.key, name: key)
            if let order = order?.array { list = sorted(list, live: old?.array ?? [], by: order, key: rule.key) }
            return .array(list)
        default: return change
        }
    }

    static func type(_ type: FieldType, _ key: String) -> FieldType {
        switch type {
        case .structure(let name): Schema.core[name]?.fields[key]?.type ?? .any
        case .map(let element): element
        default: .any
        }
    }

    static func rule(_ type: FieldType, _ key: String) -> MergeRule {
        guard case .structure(let name) = type else { return MergeRule() }
        return Schema.core[name]?.fields[key]?.merge ?? MergeRule()
    }

    private static func mergedList(
        _ elements: [JSONValue], into old: [JSONValue], _ type: FieldType, key: String?, name: String
    ) throws -> [JSONValue] {
        guard let key else { return old + elements.filter { !old.contains($0) } }
        if elements.contains(where: { $0[directive] == "replace" }) {
            return elements.filter { $0[directive] == nil }.map(clean)
        }
        var list = old
        for element in elements {
            guard let id = element[key], !id.isNull else {
                throw SwiftletError.invalid(
                    "an element of a merged list must have its key \(key)", object: printable(name))
            }
            let at = list.firstIndex { $0[key] == id }
            let result = try merged(element, into: at.map { list[$0] }, type)
            switch (at, result) {
            case (let at?, let result?): list[at] = result
            case (let at?, nil): list.remove(at: at)
            case (nil, let result?): list.append(result)
            case (nil, nil): break
            }
        }
        return list
    }

    /// Elements that the order names come in it; the others keep their place before what followed them in `live`.
    private static func sorted(_ list: [JSONValue], live: [JSONValue], by order: [JSONValue], key: String?)
        -> [JSONValue]
    {
        func id(_ element: JSONValue) -> JSONValue { key.flatMap { element[$0] } ?? element }
        let ranks = Dictionary(
            order.map(id).enumerated().map { ($1.text(), $0) }, uniquingKeysWith: { first, _ in first })
        let places = Dictionary(
            live.map(id).enumerated().map { ($1.text(), $0) }, uniquingKeysWith: { first, _ in first })
        let named = list.compactMap { element in ranks[id(element).text()].map { (rank: $0, element: element) } }
            .sorted { $0.rank < $1.rank }.map(\.element)
        var others = list.filter { ranks[id($0).text()] == nil }[...]
        var result: [JSONValue] = []
        for element in named {
            while let other = others.first, let place = places[id(element).text()], let its = places[id(other).text()],
                its < place
            {
                result.append(other)
                others = others.dropFirst()
            }
            result.append(element)
        }
        return result + others
    }

    /// Without directives and nulls: what is taken over whole.
    private static func clean(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members):
            .object(members.filter { !$0.key.hasPrefix("$") && !$0.value.isNull }.mapValues(clean))
        case .array(let elements): .array(elements.map(clean))
        default: value
        }
    }
}
