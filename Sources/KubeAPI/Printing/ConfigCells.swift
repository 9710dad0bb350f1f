import JSON

/// Cells of ConfigMaps, Secrets and claims.
extension TablePrinter {
    private static func count(_ object: JSONValue, _ fields: String...) -> JSONValue {
        .string(String(fields.reduce(0) { $0 + (object[$1]?.object?.count ?? 0) }))
    }

    static func configMap(_ object: JSONValue, _ now: Timestamp) -> [JSONValue] {
        [count(object, "data", "binaryData"), age(object, now)]
    }

    static func secret(_ object: JSONValue, _ now: Timestamp) -> [JSONValue] {
        [cell(object["type"]?.string), count(object, "data"), age(object, now)]
    }

    static func claim(_ object: JSONValue, _ now: Timestamp) -> [JSONValue] {
        let spec = object["spec"]
        let status = object["status"]
        let phase =
            object["metadata"]?["deletionTimestamp"]?.string == nil
            ? status?["phase"]?.string : "Terminating"
        let modes = (status?["accessModes"]?.array ?? []).compactMap(\.string).map { modeLetters[$0] ?? $0 }
        return [
            cell(phase), cell(status?["phase"] == "Bound" ? spec?["volumeName"]?.string : ""),
            cell(status?["capacity"]?["storage"]?.string), cell(modes.joined(separator: ",")),
            cell(spec?["storageClassName"]?.string), orUnset(spec?["volumeAttributesClassName"]?.string),
            age(object, now), cell(spec?["volumeMode"]?.string),
        ]
    }

    private static func orUnset(_ text: String?) -> JSONValue {
        text.map { cell($0) } ?? "<unset>"
    }

    private static let modeLetters = [
        "ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP",
    ]
}
