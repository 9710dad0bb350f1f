import CISAL
import Errors

/// gzip (RFC 1952) of one or more members, each checked by its CRC; zero padding after the last is allowed.
final class GzipCodec: Codec {
    let format = "gzip"
    private let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)
    private var header = GzipHeader()
    private var betweenMembers = false
    /// The state may then hold output of its own: it is asked again before more input is read.
    private var outputWasFull = false

    init() {
        isal_inflate_init(state)
        state.pointee.crc_flag = UInt32(ISAL_GZIP_NO_HDR_VER)
    }

    deinit { state.deallocate() }

    var wantsInput: Bool { !outputWasFull }

    func isComplete() -> Bool { betweenMembers }

    func decode(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(SwiftletError) -> Int {
        if betweenMembers {
            input = input.withoutPadding
            if input.count == 0 { return 0 }
            guard input[0] == 0x1f else {
                throw SwiftletError(.dataLoss, "has bytes after its gzip data that are no gzip member")
            }
            isal_inflate_reset(state)
            state.pointee.crc_flag = UInt32(ISAL_GZIP_NO_HDR_VER)
            header = GzipHeader()
            betweenMembers = false
        }
        if !header.isDone {
            try header.read(&input)
            if !header.isDone || input.count == 0 { return 0 }
        }
        state.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
        state.pointee.avail_in = UInt32(input.count)
        state.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
        state.pointee.avail_out = UInt32(output.count)
        let result = isal_inflate(state)
        guard result == ISAL_DECOMP_OK || result == ISAL_END_INPUT else {
            throw SwiftletError(.dataLoss, "is not valid gzip (isal_inflate: \(result))")
        }
        let produced = output.count - Int(state.pointee.avail_out)
        input = UnsafeRawBufferPointer(rebasing: input[(input.count - Int(state.pointee.avail_in))...])
        betweenMembers = state.pointee.block_state == ISAL_BLOCK_FINISH
        outputWasFull = !betweenMembers && produced == output.count
        return produced
    }
}

extension UnsafeRawBufferPointer {
    /// What follows the zeros at its start: writers pad to whole blocks after the end of their data.
    var withoutPadding: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[(firstIndex { $0 != 0 } ?? count)...])
    }
}
