import JSON

/// A value of an object together with its path. Absent, null and of the wrong type all read as nil: `Schema.check` has
/// named the wrong ones already.
struct Located {
    let path: String
    let value: JSONValue?

    init(_ value: JSONValue?, path: String = "") {
        self.path = path
        self.value = value?.isNull == false ? value : Optional.none
    }

    subscript(key: String) -> Located { Located(value?[key], path: path.isEmpty ? key : "\(path).\(key)") }

    var exists: Bool { value != nil }
    var string: String? { value?.string }
    var int: Int64? { value?.int }
    var bool: Bool? { value?.bool }
    /// Unset and "" are the same to Kubernetes.
    var text: String { string ?? "" }
    var shown: JSONValue { value ?? .null }
    var quantity: Quantity? { value.flatMap { try? Quantity($0.string ?? $0.text()) } }

    var elements: [Located] {
        (value?.array ?? []).enumerated().map { Located($1, path: "\(path)[\($0)]") }
    }

    /// Sorted by key.
    var members: [(key: String, field: Located)] {
        (value?.object ?? [:]).sorted { $0.key < $1.key }.map {
            ($0.key, Located($0.value, path: "\(path)[\($0.key)]"))
        }
    }
}
