import CLZMA
import Errors

/// xz: any number of streams, each checked as it says, with padding between and after them.
final class XzCodec: Codec {
    let format = "xz"
    private let stream = UnsafeMutablePointer<lzma_stream>.allocate(capacity: 1)
    private let window: Int
    private var outputWasFull = false
    /// What the decoder takes besides its dictionary.
    private static let overhead = 1 << 20

    /// Errors: `resourceExhausted` without memory.
    init(window: Int) throws(SwiftletError) {
        self.window = window
        stream.initialize(to: lzma_stream())
        let limit = UInt64(window + Self.overhead)
        guard lzma_stream_decoder(stream, limit, swl_lzma_concatenated) == LZMA_OK else {
            throw SwiftletError(.resourceExhausted, "no memory to decompress xz")
        }
    }

    deinit {
        lzma_end(stream)
        stream.deallocate()
    }

    var wantsInput: Bool { !outputWasFull }

    func decode(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(SwiftletError) -> Int {
        stream.pointee.next_in = input.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_in = input.count
        stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_out = output.count
        let result = lzma_code(stream, LZMA_RUN)
        // Of input and output there was no end yet: a step that does nothing is no fault.
        guard result == LZMA_OK || result == LZMA_BUF_ERROR else { throw fault(result) }
        input = UnsafeRawBufferPointer(rebasing: input[(input.count - stream.pointee.avail_in)...])
        outputWasFull = stream.pointee.avail_out == 0
        return output.count - stream.pointee.avail_out
    }

    /// Only the decoder knows whether it is between streams: it is told that no more comes.
    func isComplete() throws(SwiftletError) -> Bool {
        var spare: UInt8 = 0
        stream.pointee.next_in = nil
        stream.pointee.avail_in = 0
        return try withUnsafeMutablePointer(to: &spare) { spare throws(SwiftletError) in
            stream.pointee.next_out = spare
            stream.pointee.avail_out = 1
            // The first call that gets nowhere is forgiven.
            for _ in 0..<3 {
                let result = lzma_code(stream, LZMA_FINISH)
                if result == LZMA_STREAM_END { return true }
                if result == LZMA_BUF_ERROR { return false }
                guard result == LZMA_OK else { throw fault(result) }
            }
            return false
        }
    }

    private func fault(_ result: lzma_ret) -> SwiftletError {
        switch result {
        case LZMA_MEMLIMIT_ERROR:
            SwiftletError(
                .resourceExhausted,
                "needs \(lzma_memusage(stream)) bytes of memory to decompress its xz data, more than \(window)",
                hint: "compress it with a smaller dictionary (xz -9 at most), or \(ImageLimits.raise("window-size"))")
        case LZMA_MEM_ERROR: SwiftletError(.resourceExhausted, "no memory to decompress xz")
        case LZMA_FORMAT_ERROR: SwiftletError(.dataLoss, "is not valid xz, or has bytes after its end that are not")
        case LZMA_OPTIONS_ERROR:
            SwiftletError(.unimplemented, "is compressed with an xz filter that liblzma does not know")
        default: SwiftletError(.dataLoss, "is not valid xz (lzma_code: \(result.rawValue))")
        }
    }
}
