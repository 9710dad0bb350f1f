/// Looks at YAML text before it is parsed. The parser hashes keys, and a key made of nested aliases takes it time without
/// bound; so a text with an alias to one of its own anchors may have no keys but words.
enum AliasScan {
    static func usesAliasInKey(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.contains(UInt8(ascii: "&")), bytes.contains(UInt8(ascii: "*")) else { return false }
        let anchors = names(after: UInt8(ascii: "&"), in: bytes)
        guard !anchors.isEmpty, !names(after: UInt8(ascii: "*"), in: bytes).isDisjoint(with: anchors) else {
            return false
        }
        return hasComplexKey(bytes, anchors)
    }

    private static func ends(_ byte: UInt8) -> Bool { byte <= 0x20 || ",[]{}".utf8.contains(byte) }

    private static func names(after mark: UInt8, in bytes: [UInt8]) -> Set<[UInt8]> {
        var names: Set<[UInt8]> = []
        for index in bytes.indices where bytes[index] == mark && (index == 0 || ends(bytes[index - 1])) {
            var name = Array(bytes[(index + 1)...].prefix { !ends($0) })
            if name.last == UInt8(ascii: ":") { name.removeLast() }
            if !name.isEmpty { names.insert(name) }
        }
        return names
    }

    /// `? key`, a closing bracket before a colon, or an alias before a colon.
    private static func hasComplexKey(_ bytes: [UInt8], _ anchors: Set<[UInt8]>) -> Bool {
        for index in bytes.indices {
            let byte = bytes[index]
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0x20
            if byte == UInt8(ascii: "?"), index == 0 || ends(bytes[index - 1]), next <= 0x20 { return true }
            guard byte == UInt8(ascii: ":") else { continue }
            var before = index - 1
            while before >= 0, bytes[before] == 0x20 || bytes[before] == 0x09 { before -= 1 }
            guard before >= 0 else { continue }
            if bytes[before] == UInt8(ascii: "]") || bytes[before] == UInt8(ascii: "}") { return true }
            var start = before
            while start > 0, !ends(bytes[start - 1]) { start -= 1 }
            if bytes[start] == UInt8(ascii: "*"), anchors.contains(Array(bytes[(start + 1)...before])) { return true }
        }
        return false
    }
}
