/// Names that the server makes.
enum Identifiers {
    /// Without vowels and look-alikes: no words come out by chance.
    private static let alphabet = Array("bcdfghjklmnpqrstvwxz2456789")

    /// The prefix and five random characters, at most 63 in all.
    static func generated(_ prefix: String) -> String {
        var name = String(prefix.prefix(58))
        for _ in 0..<5 { name.append(alphabet[Int.random(in: alphabet.indices)]) }
        return name
    }

    /// A random UUID (RFC 9562, version 4).
    static func uid() -> String {
        var bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            let hex = String(byte, radix: 16)
            text += hex.count == 1 ? "0" + hex : hex
        }
        return text
    }
}
