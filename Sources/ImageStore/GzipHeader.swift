import Errors

/// The header of a gzip member (RFC 1952, section 2.3), read as its bytes come. By ourselves: ISA-L checks a header's CRC only
/// where the header comes in one piece, and whether an archive is whole must not depend on how it was sent.
struct GzipHeader {
    private enum Part {
        case fixed
        case extraLength
        case extra(left: Int)
        case name
        case comment
        case check
        case done
    }

    private enum Flag {
        static let check: UInt8 = 2, extra: UInt8 = 4, name: UInt8 = 8, comment: UInt8 = 16, reserved: UInt8 = 0xe0
    }

    private var part = Part.fixed
    /// Of a part of fixed size, what has come of it.
    private var field: [UInt8] = []
    private var flags: UInt8 = 0
    private var sum = CRC32()

    var isDone: Bool {
        if case .done = part { return true }
        return false
    }

    /// Takes what belongs to the header from the beginning of `input`. Errors: `dataLoss`.
    mutating func read(_ input: inout UnsafeRawBufferPointer) throws(SwiftletError) {
        var used = 0
        while used < input.count, !isDone {
            let byte = input[used]
            used += 1
            try take(byte)
        }
        input = UnsafeRawBufferPointer(rebasing: input[used...])
    }

    private mutating func take(_ byte: UInt8) throws(SwiftletError) {
        if case .check = part {} else { sum.add(byte) }
        switch part {
        case .fixed:
            field.append(byte)
            if field.count == 10 { try begin() }
        case .extraLength:
            field.append(byte)
            if field.count == 2 { enter(.extra(left: Int(field[0]) | Int(field[1]) << 8)) }
        case .extra(let left): enter(.extra(left: left - 1))
        case .name: if byte == 0 { enter(after: Flag.name) }
        case .comment: if byte == 0 { enter(after: Flag.comment) }
        case .check:
            field.append(byte)
            if field.count == 2 { try finish() }
        case .done: break
        }
    }

    private mutating func begin() throws(SwiftletError) {
        guard field[0] == 0x1f, field[1] == 0x8b, field[2] == 8, field[3] & Flag.reserved == 0 else {
            throw SwiftletError(.dataLoss, "is not valid gzip: its header is none")
        }
        flags = field[3]
        if flags & Flag.extra != 0 { enter(.extraLength) } else { enter(after: Flag.extra) }
    }

    private mutating func enter(_ next: Part) {
        field = []
        if case .extra(left: 0) = next { return enter(after: Flag.extra) }
        part = next
    }

    /// The next of the optional parts that the flags announce.
    private mutating func enter(after flag: UInt8) {
        if flag < Flag.name, flags & Flag.name != 0 { return enter(.name) }
        if flag < Flag.comment, flags & Flag.comment != 0 { return enter(.comment) }
        enter(flags & Flag.check != 0 ? .check : .done)
    }

    private mutating func finish() throws(SwiftletError) {
        guard UInt32(field[0]) | UInt32(field[1]) << 8 == sum.value & 0xffff else {
            throw SwiftletError(.dataLoss, "is not valid gzip: the checksum of its header does not match")
        }
        enter(.done)
    }
}

/// The checksum of RFC 1952, section 8, for few bytes.
private struct CRC32 {
    private var state: UInt32 = .max
    var value: UInt32 { ~state }

    mutating func add(_ byte: UInt8) {
        state ^= UInt32(byte)
        for _ in 0..<8 { state = state >> 1 ^ (state & 1 == 0 ? 0 : 0xedb8_8320) }
    }
}
