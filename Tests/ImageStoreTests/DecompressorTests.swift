import CZstd
import Errors
import Testing

@testable import ImageStore

@Suite struct DecompressorTests {
    /// Gives its bytes in parts of one size.
    private final class Parts: ByteSource {
        private let bytes: UnsafeMutableRawBufferPointer
        private let size: Int
        private var at = 0

        init(_ bytes: [UInt8], size: Int) {
            self.bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
            self.bytes.copyBytes(from: bytes)
            self.size = size
        }

        deinit { bytes.deallocate() }

        func read() throws(SwiftletError) -> UnsafeRawBufferPointer {
            let end = min(at + size, bytes.count)
            defer { at = end }
            return UnsafeRawBufferPointer(rebasing: bytes[at..<end])
        }
    }

    private func unpack(
        _ bytes: [UInt8], parts: Int = 1 << 18, limits: ImageLimits = ImageLimits()
    ) throws(SwiftletError) -> [UInt8] {
        let source = try decompressed(Parts(bytes, size: parts), object: "x", limits: limits)
        var out: [UInt8] = []
        while true {
            let part = try source.read()
            if part.count == 0 { return out }
            out += part
        }
    }

    private static func text(_ count: Int) -> [UInt8] {
        var state: UInt32 = 1
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: state >> 28) + 0x41
        }
    }

    @Test(arguments: Packer.allCases, [1, 7, 4096, 1 << 18])
    func readsManyStreams(_ packer: Packer, parts: Int) throws {
        let data = Self.text(10_000)
        let two = packer.pack(Array(data[..<4000])) + packer.pack([]) + packer.pack(Array(data[4000...]))
        #expect(try unpack(two, parts: parts) == data)
        guard packer != .zstd else { return }
        // xz pads by four.
        #expect(try unpack(two + [0, 0, 0, 0], parts: parts) == data)
        #expect(throws: SwiftletError.self) { try unpack(two + [0, 0, 0, 0, 9], parts: parts) }
    }

    /// Output that just fills the decoder's buffer at the end of a stream.
    @Test(arguments: Packer.allCases, [1 << 18, 1 << 19, 1 << 18 - 1, 1 << 18 + 1])
    func readsWholeBuffers(_ packer: Packer, count: Int) throws {
        let data = Self.text(count)
        #expect(try unpack(packer.pack(data)) == data)
        #expect(try unpack(packer.pack(data) + packer.pack(data)) == data + data)
    }

    /// One byte at a time libzstd itself does not see it.
    @Test(arguments: [1, 2, 5, 1 << 18])
    func refusesZstdFramesThatAreShorterThanTheySay(parts: Int) throws {
        let frame: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x20]
        #expect(try unpack(frame + [0, 1, 0, 0], parts: parts) == [])
        let error = #expect(throws: SwiftletError.self) { try unpack(frame + [18, 1, 0, 0], parts: parts) }
        #expect(error?.code == .dataLoss && error?.object == "x", "\(error?.description ?? "")")
        // An empty block that calls itself compressed: libzstd takes it in parts and refuses it in one.
        #expect(try unpack(frame + [0, 5, 0, 0], parts: parts) == [])
    }

    /// With all that RFC 1952 allows in it, and in pieces of any size.
    @Test(arguments: [1, 2, 3, 7, 1 << 18])
    func readsWholeGzipHeaders(parts: Int) throws {
        let data = Self.text(500)
        let body = Array(Packer.gzip.pack(data).dropFirst(10))
        let fixed: [UInt8] = [0x1f, 0x8b, 8, 0x1e, 1, 2, 3, 4, 0, 3]
        let header: [UInt8] = fixed + [3, 0] + Array("abcname\0comment\0".utf8)
        let check: [UInt8] = [0x4c, 0x6e]
        #expect(try unpack(header + check + body, parts: parts) == data)
        let damages = [
            (2, 7, "its header is none"), (3, 0x3e, "its header is none"), (28, 0, "checksum of its header"),
        ]
        for (place, byte, words) in damages {
            var bad = header + check + body
            bad[place] = UInt8(byte)
            let error = #expect(throws: SwiftletError.self) { try unpack(bad, parts: parts) }
            #expect(error?.code == .dataLoss && error?.reason.contains(words) == true, "\(error?.description ?? "")")
        }
        // Announced, and not there.
        #expect(throws: SwiftletError.self) { try unpack(header, parts: parts) }
        #expect(throws: SwiftletError.self) { try unpack(header + check, parts: parts) }
    }

    @Test(arguments: Packer.allCases)
    func refusesTruncationAtEveryByte(_ packer: Packer) throws {
        let whole = packer.pack(Self.text(700))
        let second = whole + whole
        for length in 6..<second.count where length != whole.count {
            let error = #expect(throws: SwiftletError.self, "\(length)") { try unpack(Array(second[..<length])) }
            #expect(error?.code == .dataLoss && error?.object == "x", "\(length): \(error?.description ?? "")")
            #expect(error?.reason.contains("truncated") == true, "\(length): \(error?.description ?? "")")
        }
        #expect(try unpack(Array(second[..<whole.count])).count == 700)
    }

    @Test(arguments: Packer.allCases)
    func refusesBytesAfterTheEnd(_ packer: Packer) throws {
        let whole = packer.pack(Self.text(700))
        for rest in [[1], Array("trailing".utf8), [UInt8](repeating: 0xff, count: 600)] {
            let error = #expect(throws: SwiftletError.self) { try unpack(whole + rest) }
            #expect(error?.code == .dataLoss)
        }
    }

    /// Frames of versions before 1.0, each after a good one.
    @Test func refusesOldZstd() throws {
        for first: UInt8 in [0x1e, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27] {
            for start in [skippableFrame([1]), zstd(Self.text(50))] {
                let bytes = start + [first, 0xb5, 0x2f, 0xfd, 0, 3, 0xff, 0xdf, 0x31]
                for parts in [1, bytes.count] {
                    let error = #expect(throws: SwiftletError.self) { try unpack(bytes, parts: parts) }
                    #expect(error?.reason.contains("no zstd frame") == true)
                }
            }
        }
    }

    @Test(arguments: Packer.allCases)
    func refusesDamage(_ packer: Packer) throws {
        let data = Self.text(3000)
        let whole = packer.pack(data)
        var refused = 0
        for index in 6..<whole.count {
            var bad = whole
            bad[index] ^= 0x55
            do throws(SwiftletError) {
                // Without a checksum (zstd) or in a name's or time's bytes (gzip) damage may pass; then it is what it was,
                // or the layer's digest tells.
                if try unpack(bad) != data { #expect(packer == .zstd) }
            } catch {
                refused += 1
                #expect(error.object == "x" && !error.reason.isEmpty)
            }
        }
        #expect(refused >= (packer == .zstd ? 1 : whole.count - 20))
    }

    @Test func readsZstdChunked() throws {
        let files = (0..<200).map { Self.text($0 * 37) }
        let stream = files.flatMap { zstd($0) + skippableFrame(Array("offsets".utf8)) }
        let table = skippableFrame(zstd(Array(#"{"version":1,"entries":[]}"#.utf8))) + skippableFrame(Self.text(64))
        #expect(try unpack(stream + table) == files.flatMap { $0 })
        #expect(try unpack(skippableFrame([]) + stream, parts: 1) == files.flatMap { $0 })
        let error = #expect(throws: SwiftletError.self) { try unpack(stream + table.dropLast()) }
        #expect(error?.reason.contains("truncated") == true)
    }

    @Test(arguments: Packer.allCases)
    func readsManyTinyStreams(_ packer: Packer) throws {
        let one = packer.pack([0x61])
        let none = packer.pack([])
        var bytes: [UInt8] = []
        for _ in 0..<2000 { bytes += one + none }
        #expect(try unpack(bytes) == [UInt8](repeating: 0x61, count: 2000))
    }

    /// A frame of nothing that asks for a window of 2^(10 + exponent).
    private func emptyFrame(windowExponent: UInt8) -> [UInt8] {
        [0x28, 0xb5, 0x2f, 0xfd, 0, windowExponent << 3, 1, 0, 0]
    }

    @Test func limitsWindows() throws {
        #expect(try unpack(emptyFrame(windowExponent: 17)).isEmpty)
        for exponent in 18...31 as ClosedRange<UInt8> {
            let error = #expect(throws: SwiftletError.self) { try unpack(emptyFrame(windowExponent: exponent)) }
            #expect(error?.code == .resourceExhausted && error?.hint?.contains("window-size") == true)
        }
        let data = Self.text(5000)
        #expect(try unpack(xz(data, preset: 9)) == data)
        var limits = ImageLimits()
        limits.windowBytes = 1 << 20
        let error = #expect(throws: SwiftletError.self) { try unpack(xz(data), limits: limits) }
        #expect(error?.code == .resourceExhausted && error?.hint?.contains("window-size") == true)
        #expect(throws: SwiftletError.self) { try unpack(emptyFrame(windowExponent: 11), limits: limits) }
        #expect(try unpack(emptyFrame(windowExponent: 10), limits: limits).isEmpty)
    }

    @Test(arguments: Packer.allCases)
    func refusesABomb(_ packer: Packer) throws {
        var limits = ImageLimits()
        limits.compressionRatio = 100
        limits.ratioGrace = 1 << 20
        let zeros = [UInt8](repeating: 0, count: 1 << 19)
        #expect(try unpack(packer.pack(zeros), limits: limits) == zeros)
        let bomb = packer.pack(zeros + zeros + zeros + zeros)
        let error = #expect(throws: SwiftletError.self) { try unpack(bomb, limits: limits) }
        #expect(error?.code == .resourceExhausted && error?.reason.contains("bomb") == true)
        #expect(error?.hint?.contains("compression-ratio") == true)
    }

    @Test func leavesPlainBytes() throws {
        for bytes in [[], [0x1f], [0x42, 0x5a], Self.text(3)] as [[UInt8]] {
            #expect(try unpack(bytes) == bytes)
            #expect(try unpack(bytes, parts: 1) == bytes)
        }
    }
}
