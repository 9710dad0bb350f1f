import Errors
import JSON

/// `apply`: what was applied last, what shall be and what is, made into a strategic merge patch. Fields that others set
/// stay; fields that were applied before and are no longer are removed.
public enum ThreeWayApply {
    public static let annotation = "kubectl.kubernetes.io/last-applied-configuration"

    /// The object with itself, as text, in the annotation that the next apply will compare with.
    public static func annotated(_ object: JSONValue) -> JSONValue {
        var bare = object
        bare.edit("metadata") { metadata in
            metadata.edit("annotations") { $0[annotation] = nil }
            if metadata["annotations"]?.object?.isEmpty ?? false { metadata["annotations"] = nil }
        }
        var result = bare
        result.fill("metadata", [:])
        result.edit("metadata") { metadata in
            metadata.fill("annotations", [:])
            metadata.edit("annotations") { $0[annotation] = .string(bare.text() + "\n") }
        }
        return result
    }

    /// The patch that makes `live` what `desired` says; an empty object when nothing is to do. Throws `invalidArgument`
    /// when the live object's annotation is no JSON.
    public static func patch(live: JSONValue, desired: JSONValue, kind: String) throws -> JSONValue {
        let text = live["metadata"]?["annotations"]?[annotation]?.string
        let last: JSONValue?
        do { last = try text.map { try JSONValue.parse($0) } } catch {
            throw SwiftletError.wrapping(error).during("read annotation", annotation)
        }
        return difference(last: last ?? [:], desired: annotated(desired), live: live, .structure(kind)) ?? [:]
    }

    /// nil when `live` needs no change.
    private static func difference(
        last: JSONValue, desired: JSONValue, live: JSONValue, _ type: FieldType
    ) -> JSONValue? {
        var patch: [String: JSONValue] = [:]
        for (key, wanted) in desired.object ?? [:] where !wanted.isNull {
            guard let present = live[key], !present.isNull else {
                patch[key] = wanted
                continue
            }
            let rule = StrategicMergePatch.rule(type, key)
            let below = StrategicMergePatch.type(type, key)
            switch (wanted, present) {
            case (.object, .object):
                if let inner = difference(last: last[key] ?? [:], desired: wanted, live: present, below) {
                    patch[key] = inner
                }
            case (.array(let new), .array(let old)) where rule.merges:
                let earlier = last[key]?.array ?? []
                let list = ListChange(
                    key: rule.key, retainsKeys: rule.retainsKeys, last: earlier, desired: new, live: old)
                list.write(into: &patch, key, below)
            default: if wanted != present { patch[key] = wanted }
            }
        }
        for (key, value) in last.object ?? [:] where !value.isNull && (desired[key]?.isNull ?? true) && live[key] != nil
        {
            patch[key] = .null
        }
        return patch.isEmpty ? nil : .object(patch)
    }

    private struct ListChange {
        var key: String?
        var retainsKeys: Bool
        var last: [JSONValue]
        var desired: [JSONValue]
        var live: [JSONValue]

        func write(into patch: inout [String: JSONValue], _ name: String, _ type: FieldType) {
            guard let key else { return writeSet(into: &patch, name) }
            var element = FieldType.any
            if case .list(let inner) = type { element = inner }
            func find(_ id: JSONValue?, _ list: [JSONValue]) -> JSONValue? { list.first { $0[key] == id } }
            var changes: [JSONValue] = []
            for wanted in desired {
                guard let present = find(wanted[key], live) else {
                    changes.append(wanted)
                    continue
                }
                let before = find(wanted[key], last) ?? [:]
                guard var change = difference(last: before, desired: wanted, live: present, element) else { continue }
                change[key] = wanted[key]
                if retainsKeys {
                    change[StrategicMergePatch.retainKeys] = .array(
                        (wanted.object ?? [:]).keys.sorted().map { .string($0) })
                }
                changes.append(change)
            }
            for gone in last where find(gone[key], desired) == nil && find(gone[key], live) != nil {
                changes.append([StrategicMergePatch.directive: "delete", key: gone[key] ?? .null])
            }
            guard !changes.isEmpty else { return }
            patch[name] = .array(changes)
            patch[StrategicMergePatch.orderPrefix + name] = .array(desired.map { [key: $0[key] ?? .null] })
        }

        private func writeSet(into patch: inout [String: JSONValue], _ name: String) {
            let added = desired.filter { !live.contains($0) }
            let gone = last.filter { !desired.contains($0) && live.contains($0) }
            if !added.isEmpty { patch[name] = .array(added) }
            if !gone.isEmpty { patch[StrategicMergePatch.deletePrefix + name] = .array(gone) }
        }
    }
}
