import JSON

extension Validator {
    private static let mostRules = 20
    private static let mostCodes = 255

    mutating func restartRules(_ container: Located) {
        let rules = container["restartPolicyRules"]
        guard !rules.elements.isEmpty else { return }
        require(container["restartPolicy"], "must specify restartPolicy when restart rules are used")
        if rules.elements.count > Self.mostRules {
            add(.invalid(rules.path, .int(Int64(rules.elements.count)), "must have at most \(Self.mostRules) items"))
        }
        for rule in rules.elements {
            let codes = rule["exitCodes"]
            guard codes.exists else {
                add(.required(codes.path, "must be specified"))
                continue
            }
            let values = codes["values"]
            let numbers = values.elements.compactMap(\.int)
            if numbers.isEmpty { add(.required(values.path, "must have at least one value")) }
            if numbers.count > Self.mostCodes {
                add(.invalid(values.path, .int(Int64(numbers.count)), "must have at most \(Self.mostCodes) items"))
            }
            var seen: Set<Int64> = []
            for value in values.elements {
                if let number = value.int, !seen.insert(number).inserted { add(.duplicate(value.path, value.shown)) }
            }
        }
    }
}
