import CISAL
import CZstd
import Errors
import Glibc

/// The plain bytes of a source that may be compressed. `object` names it in errors. Errors: `unimplemented` for xz and
/// bzip2.
func decompressed(_ source: any ByteSource, object: String) throws(SwiftletError) -> any ByteSource {
    let peeked = try PeekedSource(source)
    switch Compression(sniffing: peeked.first) {
    case .none: return peeked
    case .gzip: return GzipSource(peeked, object: object)
    case .zstd: return try ZstdSource(peeked, object: object)
    case .xz, .bzip2:
        throw SwiftletError(
            .unimplemented, "is compressed with xz or bzip2, which is not supported", object: object,
            hint: "recompress it with gzip or zstd")
    }
}

/// A source whose first bytes were looked at; reading gives them again.
final class PeekedSource: ByteSource {
    let first: UnsafeRawBufferPointer
    private let upstream: any ByteSource
    private var fresh = true

    init(_ upstream: any ByteSource) throws(SwiftletError) {
        self.upstream = upstream
        first = try upstream.read()
    }

    func read() throws(SwiftletError) -> UnsafeRawBufferPointer {
        if fresh {
            fresh = false
            return first
        }
        return try upstream.read()
    }

    func skip(_ count: Int64) throws(SwiftletError) -> Int64 { fresh ? 0 : try upstream.skip(count) }
}

/// gzip (RFC 1952) of one or more members, each checked by its CRC; zero padding after the last is allowed.
final class GzipSource: ByteSource {
    private let upstream: any ByteSource
    private let object: String
    private let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    private var input = UnsafeRawBufferPointer(start: nil, count: 0)
    private var ended = false
    private var betweenMembers = false
    /// The state may then hold output of its own: it is asked again before more input is read.
    private var outputWasFull = false

    init(_ upstream: any ByteSource, object: String) {
        self.upstream = upstream
        self.object = object
        isal_inflate_init(state)
        state.pointee.crc_flag = UInt32(ISAL_GZIP)
    }

    deinit {
        state.deallocate()
        output.deallocate()
    }

    func read() throws(SwiftletError) -> UnsafeRawBufferPointer {
        while !ended {
            if input.count == 0, !outputWasFull {
                input = try upstream.read()
                if input.count == 0 {
                    ended = true
                    guard betweenMembers else { throw fault("ends in the middle of its gzip stream: it is truncated") }
                    break
                }
            }
            if betweenMembers, try !startNextMember() { continue }
            let produced = try inflate()
            if produced > 0 { return UnsafeRawBufferPointer(rebasing: output[..<produced]) }
        }
        return UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// False when the input held nothing but padding.
    private func startNextMember() throws(SwiftletError) -> Bool {
        guard let next = input.firstIndex(where: { $0 != 0 }) else {
            input = UnsafeRawBufferPointer(start: nil, count: 0)
            return false
        }
        input = UnsafeRawBufferPointer(rebasing: input[next...])
        guard input[0] == 0x1f else { throw fault("has bytes after its gzip stream that are no gzip member") }
        isal_inflate_reset(state)
        state.pointee.crc_flag = UInt32(ISAL_GZIP)
        betweenMembers = false
        return true
    }

    private func inflate() throws(SwiftletError) -> Int {
        state.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
        state.pointee.avail_in = UInt32(input.count)
        state.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
        state.pointee.avail_out = UInt32(output.count)
        let result = isal_inflate(state)
        guard result == ISAL_DECOMP_OK || result == ISAL_END_INPUT else {
            throw fault("is not valid gzip (isal_inflate: \(result))")
        }
        let left = Int(state.pointee.avail_in)
        let produced = output.count - Int(state.pointee.avail_out)
        input = UnsafeRawBufferPointer(rebasing: input[(input.count - left)...])
        betweenMembers = state.pointee.block_state == ISAL_BLOCK_FINISH
        outputWasFull = !betweenMembers && produced == output.count
        return produced
    }
}

/// zstd (RFC 8878): any number of frames, skippable ones passed over, windows of at most 128 MiB.
final class ZstdSource: ByteSource {
    private let upstream: any ByteSource
    private let object: String
    private let stream: OpaquePointer
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    private var input = UnsafeRawBufferPointer(start: nil, count: 0)
    private var inFrame = false
    private var flushing = false
    private var ended = false

    init(_ upstream: any ByteSource, object: String) throws(SwiftletError) {
        guard let stream = ZSTD_createDStream() else {
            throw SwiftletError(.resourceExhausted, "no memory to decompress zstd", object: object)
        }
        self.upstream = upstream
        self.object = object
        self.stream = stream
    }

    deinit {
        ZSTD_freeDStream(stream)
        output.deallocate()
    }

    func read() throws(SwiftletError) -> UnsafeRawBufferPointer {
        while !ended {
            if input.count == 0, !flushing {
                input = try upstream.read()
                if input.count == 0 {
                    ended = true
                    guard !inFrame else { throw fault("ends in the middle of a zstd frame: it is truncated") }
                    break
                }
            }
            var from = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
            var into = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            let result = ZSTD_decompressStream(stream, &into, &from)
            if ZSTD_isError(result) != 0 {
                let what = ZSTD_getErrorName(result).map { String(cString: $0) } ?? "error"
                throw fault("is not valid zstd (\(what))")
            }
            input = UnsafeRawBufferPointer(rebasing: input[from.pos...])
            inFrame = result != 0
            flushing = into.pos == into.size
            if into.pos > 0 { return UnsafeRawBufferPointer(rebasing: output[..<into.pos]) }
        }
        return UnsafeRawBufferPointer(start: nil, count: 0)
    }
}

extension GzipSource {
    private func fault(_ what: String) -> SwiftletError { SwiftletError(.dataLoss, what, object: object) }
}

extension ZstdSource {
    private func fault(_ what: String) -> SwiftletError { SwiftletError(.dataLoss, what, object: object) }
}
