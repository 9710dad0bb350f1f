import JSON

/// Collects faults; the rules below are its methods, one file a part of the pod.
struct Validator {
    var faults: [Fault] = []

    mutating func add(_ fault: Fault) { faults.append(fault) }

    mutating func require(_ field: Located, _ detail: String = "") {
        if field.text.isEmpty { add(.required(field.path, detail)) }
    }

    /// Names a field invalid when `rule` finds fault with its text; unset and empty pass.
    mutating func check(_ field: Located, _ rule: (String) -> String?) {
        guard let text = field.string, !text.isEmpty, let fault = rule(text) else { return }
        add(.invalid(field.path, field.shown, fault))
    }

    mutating func atLeast(_ least: Int64, _ field: Located) {
        guard let number = field.int, number < least else { return }
        add(.invalid(field.path, field.shown, "must be greater than or equal to \(least)"))
    }

    mutating func between(_ range: ClosedRange<Int64>, _ field: Located) {
        guard let number = field.int, !range.contains(number) else { return }
        add(.invalid(field.path, field.shown, "must be between \(range.lowerBound) and \(range.upperBound), inclusive"))
    }

    /// Names every element whose `key` was there before.
    mutating func unique(_ fields: [Located]) {
        var seen: Set<String> = []
        for field in fields {
            guard let text = field.string, !text.isEmpty else { continue }
            if !seen.insert(text).inserted { add(.duplicate(field.path, field.shown)) }
        }
    }

    /// Exactly one of several members; absent ones are named by `absent`.
    mutating func oneOf(_ field: Located, _ keys: [String], what: String) {
        let present = keys.filter { field[$0].exists }
        if present.isEmpty { add(.required(field.path, "must specify a \(what)")) }
        for key in present.dropFirst() { add(.forbidden(field[key].path, "may not specify more than 1 \(what)")) }
    }
}
