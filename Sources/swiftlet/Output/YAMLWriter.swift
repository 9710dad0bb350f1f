import JSON

extension JSONValue {
    /// The document as YAML in the block style kubectl prints: keys sorted, lists not indented below their key.
    func yaml() -> String {
        var out = ""
        writeYAML(into: &out, indent: 0, afterKey: false)
        return out.hasSuffix("\n") ? out : out + "\n"
    }

    private func writeYAML(into out: inout String, indent: Int, afterKey: Bool) {
        let pad = String(repeating: " ", count: indent)
        switch self {
        case .object(let members) where !members.isEmpty:
            if afterKey { out += "\n" }
            for (index, (key, value)) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                // The first key of a list element stands behind its dash.
                out += (index == 0 && !afterKey ? "" : pad) + YAMLScalar.text(key) + ":"
                value.writeYAML(into: &out, indent: value.isList ? indent : indent + 2, afterKey: true)
            }
        case .array(let elements) where !elements.isEmpty:
            if afterKey { out += "\n" }
            for (index, element) in elements.enumerated() {
                out += (index == 0 && !afterKey ? "" : pad) + "- "
                element.writeYAML(into: &out, indent: indent + 2, afterKey: false)
            }
        default: out += (afterKey ? " " : "") + scalar(indent: indent) + "\n"
        }
    }

    private var isList: Bool { array != nil }

    private func scalar(indent: Int) -> String {
        switch self {
        case .object: "{}"
        case .array: "[]"
        case .string(let text): YAMLScalar.text(text, indent: indent)
        default: text()
        }
    }
}

/// A string as YAML: plain where no reader could take it for anything else, a literal block for several lines, otherwise
/// in double quotes, whose escapes JSON's are a part of.
enum YAMLScalar {
    static func text(_ text: String, indent: Int? = nil) -> String {
        if let indent, isBlock(text) { return block(text, indent: indent) }
        return isPlain(text) ? text : JSONValue.string(text).text()
    }

    private static func isBlock(_ text: String) -> Bool {
        text.dropLast().contains("\n") && text.first != " " && text.first != "\n"
            && text.unicodeScalars.allSatisfy {
                $0 == "\n" || ($0.value >= 0x20 && !(0x7f..<0xa0).contains($0.value) && $0 != "\u{feff}")
            }
    }

    private static func block(_ text: String, indent: Int) -> String {
        let pad = String(repeating: " ", count: max(indent, 2))
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var mark = "|-"
        if lines.last == "" {
            lines.removeLast()
            mark = lines.last == "" ? "|+" : "|"
        }
        return mark + "\n" + lines.map { $0.isEmpty ? "" : pad + $0 }.joined(separator: "\n")
    }

    private static let reserved: Set<String> = [
        "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", ".nan", ".inf", "-.inf", "<<", "=",
    ]

    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, !reserved.contains(text.lowercased()) else { return false }
        // A leading letter, slash or underscore cannot begin a number, a date or an indicator.
        guard first.properties.isAlphabetic || first == "/" || first == "_" else { return false }
        guard !text.contains(": "), !text.contains(" #"), !text.hasSuffix(":"), !text.hasSuffix(" ") else {
            return false
        }
        return text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7f || $0.properties.isAlphabetic }
    }
}
