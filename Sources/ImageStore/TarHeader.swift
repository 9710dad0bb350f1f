import Errors

/// The fixed 512-byte header of tar: POSIX ustar, GNU and the old one. Borrows its bytes.
struct TarHeader {
    static let size = 512

    let bytes: UnsafeRawBufferPointer

    /// nil for a block of zeros, which ends an archive. Errors: `dataLoss` when the checksum is wrong: not a tar, or a
    /// damaged one.
    init?(_ bytes: UnsafeRawBufferPointer) throws(SwiftletError) {
        self.bytes = bytes
        var (unsigned, signed) = Self.sums(bytes)
        if unsigned == 0 { return nil }
        // The checksum's own field counts as blanks.
        for byte in bytes[148..<156] {
            unsigned += 0x20 - Int64(byte)
            signed += 0x20 - Int64(Int8(bitPattern: byte))
        }
        let stored = try number(148, 8, "checksum")
        // Some old writers summed signed bytes.
        guard stored == unsigned || stored == signed else {
            throw SwiftletError(.dataLoss, "a tar header has a wrong checksum: not a tar archive, or damaged")
        }
    }

    /// The sum of all bytes, and what it is of signed ones. Eight bytes at a time: half the time of reading small files
    /// went here.
    private static func sums(_ bytes: UnsafeRawBufferPointer) -> (unsigned: Int64, signed: Int64) {
        // Four sums of 16 bits, which 128 bytes each do not fill.
        let even: UInt64 = 0x00ff_00ff_00ff_00ff
        var lanes: UInt64 = 0
        var negative = 0
        for offset in stride(from: 0, to: size, by: 8) {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            lanes &+= (word & even) &+ (word >> 8 & even)
            negative += (word & 0x8080_8080_8080_8080).nonzeroBitCount
        }
        let sum = Int64((lanes & 0xffff) + (lanes >> 16 & 0xffff) + (lanes >> 32 & 0xffff) + lanes >> 48)
        return (sum, sum - 0x100 * Int64(negative))
    }

    var type: UInt8 { bytes[156] }
    private var isPosix: Bool { UnsafeRawBufferPointer(rebasing: bytes[257..<263]) == "ustar\0" }
    var isGNU: Bool { UnsafeRawBufferPointer(rebasing: bytes[257..<263]) == "ustar " }

    var name: [UInt8] {
        let name = text(0, 100)
        // GNU has other things in the prefix's place.
        guard bytes[345] != 0, isPosix else { return name }
        return text(345, 155) + [0x2f] + name
    }

    var linkName: [UInt8] { text(157, 100) }

    /// A field up to its first NUL.
    private func text(_ offset: Int, _ length: Int) -> [UInt8] {
        var end = offset
        while end < offset + length, bytes[end] != 0 { end += 1 }
        return Array(bytes[offset..<end])
    }

    func number(_ offset: Int, _ length: Int, _ field: StaticString) throws(SwiftletError) -> Int64 {
        try Self.number(bytes, offset, length, field)
    }

    /// Octal digits between blanks, or base 256 with the top bit set (GNU). Errors: `dataLoss`.
    static func number(
        _ bytes: UnsafeRawBufferPointer, _ offset: Int, _ length: Int, _ field: StaticString
    ) throws(SwiftletError) -> Int64 {
        if bytes[offset] & 0x80 != 0 { return try base256(bytes[offset..<(offset + length)], field) }
        var value: Int64 = 0
        var sawDigit = false
        for index in offset..<(offset + length) {
            let byte = bytes[index]
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

    private static func base256(
        _ digits: Slice<UnsafeRawBufferPointer>, _ field: StaticString
    ) throws(SwiftletError) -> Int64 {
        let negative = digits.first == 0xff
        var value: Int64 = negative ? -1 : 0
        for (index, byte) in digits.enumerated() {
            let digit = index == 0 ? (negative ? 0xff : byte & 0x7f) : byte
            guard value >= -(1 << 54), value < 1 << 54 else { throw fault(field) }
            value = value << 8 | Int64(digit)
        }
        return value
    }

    private static func fault(_ field: StaticString) -> SwiftletError {
        SwiftletError(.dataLoss, "a tar header's \(field) is no number in range")
    }
}

extension UnsafeRawBufferPointer {
    static func == (bytes: UnsafeRawBufferPointer, text: StaticString) -> Bool {
        bytes.count == text.utf8CodeUnitCount && bytes.starts(with: text)
    }

    func starts(with text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount where self[index] != text.utf8Start[index] { return false }
        return true
    }

    /// Whole decimal digits, nothing else; nil also for more than 18.
    var decimal: Int64? {
        guard count > 0, count <= 18 else { return nil }
        var value: Int64 = 0
        for byte in self {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        return value
    }
}
