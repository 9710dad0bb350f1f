import Errors

/// The plain bytes of a source that may be compressed. `object` names it in errors.
func decompressed(
    _ source: any ByteSource, object: String, limits: ImageLimits
) throws(SwiftletError) -> any ByteSource {
    let peeked = try PeekedSource(source)
    let codec: any Codec
    do throws(SwiftletError) {
        switch Compression(sniffing: peeked.first) {
        case .none: return peeked
        case .gzip: codec = GzipCodec()
        case .zstd: codec = try ZstdCodec(window: limits.windowBytes)
        case .xz: codec = try XzCodec(window: limits.windowBytes)
        case .bzip2: codec = try Bzip2Codec()
        }
    } catch {
        throw error.during("", object)
    }
    return DecodingSource(peeked, codec, object: object, limits: limits)
}

/// One format's decoder: bytes in, bytes out, in steps of any size. Faults it throws name no object.
protocol Codec: AnyObject {
    var format: String { get }
    /// False while it has output left that did not fit.
    var wantsInput: Bool { get }
    /// Takes what it can of `input`, which is cut by that much, and says how many bytes it wrote.
    func decode(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(SwiftletError) -> Int
    /// Whether the bytes so far may be all: nothing is open. Asked once, at the end of the input.
    func isComplete() throws(SwiftletError) -> Bool
}

/// Decodes a source. A truncated one is an error, and so is one that swells beyond all measure.
final class DecodingSource: ByteSource {
    private let upstream: any ByteSource
    private let codec: any Codec
    private let object: String
    private let limits: ImageLimits
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    private var input = UnsafeRawBufferPointer(start: nil, count: 0)
    private var ended = false
    private var bytesIn: Int64 = 0
    private var bytesOut: Int64 = 0

    init(_ upstream: any ByteSource, _ codec: any Codec, object: String, limits: ImageLimits) {
        self.upstream = upstream
        self.codec = codec
        self.object = object
        self.limits = limits
    }

    deinit { output.deallocate() }

    func read() throws(SwiftletError) -> UnsafeRawBufferPointer {
        while !ended {
            if input.count == 0, codec.wantsInput {
                input = try upstream.read()
                bytesIn += Int64(input.count)
                if input.count == 0 {
                    ended = true
                    try finish()
                    break
                }
            }
            let produced = try decode()
            if produced > 0 { return UnsafeRawBufferPointer(rebasing: output[..<produced]) }
        }
        return UnsafeRawBufferPointer(start: nil, count: 0)
    }

    private func decode() throws(SwiftletError) -> Int {
        let before = input.count
        let produced: Int
        do throws(SwiftletError) { produced = try codec.decode(&input, into: output) } catch {
            throw error.during("", object)
        }
        guard produced > 0 || input.count < before || codec.wantsInput && before == 0 else {
            throw SwiftletError(.dataLoss, "is not valid \(codec.format): it leads nowhere", object: object)
        }
        bytesOut += Int64(produced)
        guard bytesOut <= limits.ratioGrace || bytesOut / limits.compressionRatio <= bytesIn else {
            throw SwiftletError(
                .resourceExhausted, "unpacks to over \(limits.compressionRatio) times its size: a decompression bomb",
                object: object, hint: ImageLimits.hint("compression-ratio"))
        }
        return produced
    }

    private func finish() throws(SwiftletError) {
        let isComplete: Bool
        do throws(SwiftletError) { isComplete = try codec.isComplete() } catch { throw error.during("", object) }
        guard isComplete else {
            throw SwiftletError(
                .dataLoss, "ends in the middle of its \(codec.format) data: it is truncated", object: object)
        }
    }
}

/// A source whose first bytes were looked at; reading gives them again.
final class PeekedSource: ByteSource {
    /// At least as many as a format is told by, unless the source is shorter.
    let first: UnsafeRawBufferPointer
    private let upstream: any ByteSource
    private let copy: UnsafeMutableRawBufferPointer?
    private var fresh = true

    init(_ upstream: any ByteSource) throws(SwiftletError) {
        self.upstream = upstream
        var bytes = try upstream.read()
        guard bytes.count > 0, bytes.count < Compression.magicLength else {
            first = bytes
            copy = nil
            return
        }
        // A pipe may bring them one by one.
        var gathered: [UInt8] = []
        while bytes.count > 0 {
            gathered += bytes
            if gathered.count >= Compression.magicLength { break }
            bytes = try upstream.read()
        }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: gathered.count, alignment: 16)
        copy.copyBytes(from: gathered)
        self.copy = copy
        first = UnsafeRawBufferPointer(copy)
    }

    deinit { copy?.deallocate() }

    func read() throws(SwiftletError) -> UnsafeRawBufferPointer {
        if fresh {
            fresh = false
            return first
        }
        return try upstream.read()
    }

    func skip(_ count: Int64) throws(SwiftletError) -> Int64 { fresh ? 0 : try upstream.skip(count) }
}
