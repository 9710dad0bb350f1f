import CBZip2
import Errors

/// bzip2: any number of streams, each checked by its CRC; zero padding after the last is allowed.
final class Bzip2Codec: Codec {
    let format = "bzip2"
    private let stream = UnsafeMutablePointer<bz_stream>.allocate(capacity: 1)
    private var betweenStreams = false
    private var outputWasFull = false

    /// Errors: `resourceExhausted` without memory.
    init() throws(SwiftletError) {
        stream.initialize(to: bz_stream())
        try begin()
    }

    deinit {
        // Frees nothing when the last stream has ended.
        BZ2_bzDecompressEnd(stream)
        stream.deallocate()
    }

    private func begin() throws(SwiftletError) {
        guard BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK else {
            throw SwiftletError(.resourceExhausted, "no memory to decompress bzip2")
        }
    }

    var wantsInput: Bool { !outputWasFull }

    func isComplete() -> Bool { betweenStreams }

    func decode(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(SwiftletError) -> Int {
        if betweenStreams {
            input = input.withoutPadding
            if input.count == 0 { return 0 }
            guard input[0] == 0x42 else {
                throw SwiftletError(.dataLoss, "has bytes after its bzip2 data that are no bzip2 stream")
            }
            try begin()
            betweenStreams = false
        }
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: CChar.self).baseAddress)
        stream.pointee.avail_in = UInt32(input.count)
        stream.pointee.next_out = output.bindMemory(to: CChar.self).baseAddress
        stream.pointee.avail_out = UInt32(output.count)
        let result = BZ2_bzDecompress(stream)
        switch result {
        case BZ_OK: break
        case BZ_STREAM_END:
            BZ2_bzDecompressEnd(stream)
            betweenStreams = true
        case BZ_MEM_ERROR: throw SwiftletError(.resourceExhausted, "no memory to decompress bzip2")
        default: throw SwiftletError(.dataLoss, "is not valid bzip2 (BZ2_bzDecompress: \(result))")
        }
        let produced = output.count - Int(stream.pointee.avail_out)
        input = UnsafeRawBufferPointer(rebasing: input[(input.count - Int(stream.pointee.avail_in))...])
        outputWasFull = !betweenStreams && produced == output.count
        return produced
    }
}
