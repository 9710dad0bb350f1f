import CZstd
import Errors

/// zstd (RFC 8878): any number of frames, skippable ones passed over (zstd:chunked keeps its table of contents in one).
final class ZstdCodec: Codec {
    let format = "zstd"
    private let stream: OpaquePointer
    private let window: Int
    private var inFrame = false
    private var outputWasFull = false
    /// The first bytes of the frame, which hold its header, and how much came out of it.
    private var head: [UInt8] = []
    private var produced: UInt64 = 0

    /// ZSTD_FRAMEHEADERSIZE_MAX.
    private static let longestHeader = 18
    private static let magicLength = 4

    /// Errors: `resourceExhausted` without memory.
    init(window: Int) throws(SwiftletError) {
        guard let stream = ZSTD_createDStream() else {
            throw SwiftletError(.resourceExhausted, "no memory to decompress zstd")
        }
        self.stream = stream
        self.window = window
        let log = Int32(Int.bitWidth - 1 - window.leadingZeroBitCount)
        guard ZSTD_isError(ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, log)) == 0 else {
            throw SwiftletError(.internal, "zstd takes no limit of \(window) bytes for its window")
        }
    }

    deinit { ZSTD_freeDStream(stream) }

    var wantsInput: Bool { !outputWasFull }

    func isComplete() -> Bool { !inFrame }

    func decode(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(SwiftletError) -> Int {
        // Formats before version 1, which libzstd may still decode, begin with other bytes.
        if !inFrame, let first = input.first, first != 0x28, first & 0xf0 != 0x50 {
            throw SwiftletError(.dataLoss, "has bytes after its zstd data that are no zstd frame")
        }
        // A frame that is there as a whole libzstd would decode at once, by code that is stricter than that for parts.
        let size = head.isEmpty ? min(input.count, Self.magicLength) : input.count
        var from = ZSTD_inBuffer(src: input.baseAddress, size: size, pos: 0)
        var into = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let result = ZSTD_decompressStream(stream, &into, &from)
        if ZSTD_isError(result) != 0 { throw fault(result) }
        head += input[..<min(from.pos, Self.longestHeader - head.count)]
        produced += UInt64(into.pos)
        if result == 0 { try endFrame() }
        input = UnsafeRawBufferPointer(rebasing: input[from.pos...])
        inFrame = result != 0
        // At the end of a frame all of it is out: asked again, the decoder would begin another.
        outputWasFull = inFrame && into.pos == into.size
        return into.pos
    }

    /// Compares what came with what was promised: libzstd does not where a frame ends in an empty block and comes in parts.
    private func endFrame() throws(SwiftletError) {
        let promised = ZSTD_getFrameContentSize(head, head.count)
        // The two greatest numbers say that it is not told, or cannot be.
        guard promised >= .max - 1 || promised == produced else {
            throw SwiftletError(
                .dataLoss, "is not valid zstd (a frame holds \(produced) bytes and promised \(promised))")
        }
        head = []
        produced = 0
    }

    private func fault(_ result: Int) -> SwiftletError {
        if ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge {
            return SwiftletError(
                .resourceExhausted, "needs a zstd window of more than \(window) bytes to decompress",
                hint: "compress it without --ultra and --long, or \(ImageLimits.raise("window-size"))")
        }
        let what = ZSTD_getErrorName(result).map { String(cString: $0) } ?? "error"
        return SwiftletError(.dataLoss, "is not valid zstd (\(what))")
    }
}
