import JSON

/// What an unquoted YAML 1.1 scalar means, as kubectl's reader has it.
enum YAMLScalar {
    private static let words: [String: JSONValue] = {
        var words: [String: JSONValue] = ["": .null, "~": .null, "null": .null, "Null": .null, "NULL": .null]
        for word in ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"] {
            words[word] = .bool(true)
        }
        for word in ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"] {
            words[word] = .bool(false)
        }
        return words
    }()

    static func value(_ text: String, isPlain: Bool) -> JSONValue {
        guard isPlain else { return .string(text) }
        if let word = words[text] { return word }
        return number(text) ?? .string(text)
    }

    private static func number(_ text: String) -> JSONValue? {
        guard let first = text.utf8.first, (0x30...0x39).contains(first) || "+-.".utf8.contains(first),
            text.utf8.count <= 64
        else {
            return nil
        }
        let plain = text.contains("_") && first != UInt8(ascii: "_") ? text.filter { $0 != "_" } : text
        let negative = plain.hasPrefix("-")
        let digits = plain.hasPrefix("-") || plain.hasPrefix("+") ? plain.dropFirst() : plain[...]
        if let magnitude = integer(digits) {
            if negative {
                return magnitude <= UInt64(Int64.max) + 1
                    ? .int(Int64(truncatingIfNeeded: 0 &- magnitude)) : .double(-Double(magnitude))
            }
            return Int64(exactly: magnitude).map { .int($0) } ?? .double(Double(magnitude))
        }
        guard isFloat(digits), let double = Double(plain), double.isFinite else { return nil }
        return .double(double)
    }

    private static func integer(_ digits: Substring) -> UInt64? {
        guard let first = digits.first, first.isASCII, first.isNumber else { return nil }
        for (prefixes, radix) in [(["0x", "0X"], 16), (["0b", "0B"], 2), (["0o", "0O"], 8)] {
            if prefixes.contains(where: digits.hasPrefix) { return UInt64(digits.dropFirst(2), radix: radix) }
        }
        // A leading zero means octal, as in `mode: 0644`.
        if first == "0", digits.count > 1 { return UInt64(digits, radix: 8) }
        return digits.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(digits) : nil
    }

    private static func isFloat(_ digits: Substring) -> Bool {
        var rest = digits
        func take(_ test: (Character) -> Bool) -> Int {
            let part = rest.prefix(while: test)
            rest = rest.dropFirst(part.count)
            return part.count
        }
        let isDigit: (Character) -> Bool = { ("0"..."9").contains($0) }
        let whole = take(isDigit)
        var fraction = 0
        if rest.first == "." {
            rest = rest.dropFirst()
            fraction = take(isDigit)
        }
        guard whole > 0 || fraction > 0 else { return false }
        if rest.first == "e" || rest.first == "E" {
            rest = rest.dropFirst()
            if rest.first == "+" || rest.first == "-" { rest = rest.dropFirst() }
            guard take(isDigit) > 0 else { return false }
        }
        return rest.isEmpty
    }
}
