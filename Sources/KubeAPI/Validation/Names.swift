/// The spellings of Kubernetes' names. Each returns what is wrong with the text, nil when nothing is.
enum Names {
    private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) }
    private static func isAlphanumeric(_ byte: UInt8) -> Bool { isLower(byte) || (0x41...0x5a).contains(byte) }

    private static func isLabel(_ text: some Collection<UInt8>) -> Bool {
        guard let first = text.first, isLower(first), isLower(Array(text).last ?? 0) else { return false }
        return text.allSatisfy { isLower($0) || $0 == UInt8(ascii: "-") }
    }

    /// RFC 1123 label, at most 63 characters.
    static func label(_ text: String) -> String? {
        guard text.utf8.count <= 63 else { return "must be no more than 63 characters" }
        return isLabel(text.utf8)
            ? nil
            : "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
                + "with an alphanumeric character"
    }

    /// RFC 1123 subdomain, at most 253 characters.
    static func subdomain(_ text: String) -> String? {
        guard text.utf8.count <= 253 else { return "must be no more than 253 characters" }
        return text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy(isLabel)
            ? nil
            : "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
                + "start and end with an alphanumeric character"
    }

    /// `[prefix/]name`: what label and annotation keys are.
    static func qualified(_ text: String) -> String? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let name = parts.last else {
            return "a qualified name must consist of a name and an optional prefix with one '/' between them"
        }
        if parts.count == 2 {
            if parts[0].isEmpty { return "prefix part must be non-empty" }
            if let fault = subdomain(String(parts[0])) { return "prefix part \(fault)" }
        }
        if name.isEmpty { return "name part must be non-empty" }
        if name.utf8.count > 63 { return "name part must be no more than 63 characters" }
        return isQualified(name)
            ? nil
            : "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
                + "alphanumeric character"
    }

    private static func isQualified(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last, isAlphanumeric(first), isAlphanumeric(last) else {
            return false
        }
        return text.utf8.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
    }

    static func labelValue(_ text: String) -> String? {
        guard text.utf8.count <= 63 else { return "must be no more than 63 characters" }
        return text.isEmpty || isQualified(text[...])
            ? nil
            : "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
                + "start and end with an alphanumeric character"
    }

    /// A key of a ConfigMap or Secret: one name of a file, so neither a directory's nor one that the volumes' own files have.
    static func configKey(_ text: String) -> String? {
        guard text.utf8.count <= 253 else { return "must be no more than 253 characters" }
        guard !text.isEmpty, text.utf8.allSatisfy({ isAlphanumeric($0) || "-_.".utf8.contains($0) }) else {
            return "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        }
        if text == "." { return "must not be '.'" }
        if text == ".." { return "must not be '..'" }
        return text.hasPrefix("..") ? "must not start with '..'" : nil
    }

    /// IANA service name: what ports are called.
    static func portName(_ text: String) -> String? {
        guard text.utf8.count <= 15 else { return "must be no more than 15 characters" }
        guard isLabel(text.utf8), !text.contains("--") else {
            return "must contain only lower case alphanumeric characters and single '-' between them"
        }
        return text.utf8.contains { (0x61...0x7a).contains($0) } ? nil : "must contain at least one letter"
    }

    /// Kubernetes ≥ 1.32: any printable ASCII but '='.
    static func environment(_ text: String) -> String? {
        text.utf8.allSatisfy { (0x20...0x7e).contains($0) && $0 != UInt8(ascii: "=") }
            ? nil : "a valid environment variable name must consist only of printable ASCII characters other than '='"
    }

    static func relativePath(_ text: String) -> String? {
        if text.hasPrefix("/") { return "must be a relative path" }
        return noParent(text)
    }

    static func noParent(_ text: String) -> String? {
        text.split(separator: "/").contains("..") ? "must not contain '..'" : nil
    }

    static func port(_ number: Int64) -> String? {
        (1...65535).contains(number) ? nil : "must be between 1 and 65535, inclusive"
    }

    static func address(_ text: String) -> String? {
        isIPv4(text[...]) || isIPv6(text)
            ? nil : "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
    }

    private static func isIPv4(_ text: Substring) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                part.utf8.allSatisfy { (0x30...0x39).contains($0) } && (part == "0" || part.first != "0")
                    && UInt8(part) != nil
            }
    }

    private static func isIPv6(_ text: String) -> Bool {
        let halves = text.components(separatedBy: "::")
        guard text.contains(":"), halves.count <= 2 else { return false }
        var groups = 0
        for (number, half) in halves.enumerated() where !half.isEmpty {
            let parts = half.split(separator: ":", omittingEmptySubsequences: false)
            for (index, part) in parts.enumerated() {
                if number == halves.count - 1, index == parts.count - 1, part.contains(".") {
                    guard isIPv4(part) else { return false }
                    groups += 2
                } else {
                    guard (1...4).contains(part.utf8.count), part.allSatisfy(\.isHexDigit), part.allSatisfy(\.isASCII)
                    else {
                        return false
                    }
                    groups += 1
                }
            }
        }
        return halves.count == 2 ? groups < 8 : groups == 8
    }
}

extension String {
    /// `text` cut at every occurrence of a separator of several characters.
    fileprivate func components(separatedBy separator: String) -> [Substring] {
        var parts: [Substring] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(rest[..<range.lowerBound])
            rest = rest[range.upperBound...]
        }
        return parts + [rest]
    }
}
