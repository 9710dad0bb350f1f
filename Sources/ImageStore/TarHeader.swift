import Errors

/// The fixed 512-byte header of tar: POSIX ustar, GNU and the old one.
struct TarHeader {
    let bytes: [UInt8]

    /// Errors: `dataLoss` when the checksum is wrong: not a tar, or a damaged one.
    init(_ bytes: [UInt8]) throws(SwiftletError) {
        self.bytes = bytes
        let stored = try number(148, 8, "checksum")
        var unsigned: Int64 = 0
        var signed: Int64 = 0
        for (index, byte) in bytes.enumerated() {
            let value = (148..<156).contains(index) ? 0x20 : byte
            unsigned += Int64(value)
            signed += Int64(Int8(bitPattern: value))
        }
        // Some old writers summed signed bytes.
        guard stored == unsigned || stored == signed else {
            throw SwiftletError(.dataLoss, "a tar header has a wrong checksum: not a tar archive, or damaged")
        }
    }

    var type: UInt8 { bytes[156] }
    var isPosix: Bool { bytes[257..<263].elementsEqual([0x75, 0x73, 0x74, 0x61, 0x72, 0]) }

    var name: [UInt8] {
        let name = text(0, 100)
        guard isPosix else { return name }
        let prefix = text(345, 155)
        return prefix.isEmpty ? name : prefix + [0x2f] + name
    }

    var linkName: [UInt8] { text(157, 100) }

    /// A field up to its first NUL.
    func text(_ offset: Int, _ length: Int) -> [UInt8] { Array(bytes[offset..<(offset + length)].prefix { $0 != 0 }) }

    /// Octal digits between blanks, or base 256 with the top bit set (GNU). Errors: `dataLoss`.
    func number(_ offset: Int, _ length: Int, _ field: String) throws(SwiftletError) -> Int64 {
        let digits = bytes[offset..<(offset + length)]
        guard let first = digits.first else { return 0 }
        if first & 0x80 != 0 { return try base256(digits, field) }
        var value: Int64 = 0
        var sawDigit = false
        for byte in digits {
            switch byte {
            case 0x30...0x37:
                guard value < 1 << 60 else { throw fault(field) }
                value = value << 3 | Int64(byte - 0x30)
                sawDigit = true
            case 0x20 where !sawDigit: continue
            case 0, 0x20: return value
            default: throw fault(field)
            }
        }
        return value
    }

    private func base256(_ digits: ArraySlice<UInt8>, _ field: String) throws(SwiftletError) -> Int64 {
        let negative = digits.first == 0xff
        var value: Int64 = negative ? -1 : 0
        for (index, byte) in digits.enumerated() {
            let digit = index == 0 ? (negative ? 0xff : byte & 0x7f) : byte
            guard value >= -(1 << 54), value < 1 << 54 else { throw fault(field) }
            value = value << 8 | Int64(digit)
        }
        return value
    }

    private func fault(_ field: String) -> SwiftletError {
        SwiftletError(.dataLoss, "a tar header's \(field) is no number in range")
    }
}
