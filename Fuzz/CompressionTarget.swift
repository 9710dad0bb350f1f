import Errors

@testable import ImageStore

/// The decompressors. However the bytes come in parts, the same comes out.
final class CompressionTarget: FuzzTarget {
    static let name = "compression"

    static var seeds: [[UInt8]] {
        // A greeting three times, in each format.
        let streams = [
            "1f8b0800000000000003cb48cdc9c957c840905c003b7c8adf12000000",
            "28b52ffd04586d00003868656c6c6f200a0100314a11a3aa74ce",
            "fd377a585a000004e6d6b4460200210116000000742fe5a3e00011000c5d00341949ee8de94f7e2121b000001f01d9c887c143c800012812c96a628e1fb6f37d010000000004595a",
            "425a6839314159265359e5b5f3090000045100001040000244a00021b5180c029069c2a30bb9229c284872daf98480",
        ].map(bytes)
        let skippable = bytes("502a4d1803000000010203")
        return streams.map { [0] + $0 } + streams.map { [1] + $0 + $0 } + streams.map { [7] + $0 + [0, 0, 0, 0] }
            + [[2] + skippable + streams[1] + skippable]
    }

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.utf8.map { $0 < 0x3a ? $0 - 0x30 : $0 - 0x61 + 10 }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private let limits: ImageLimits

    init() {
        var limits = ImageLimits()
        limits.windowBytes = 1 << 20
        limits.ratioGrace = 1 << 20
        limits.compressionRatio = 10
        self.limits = limits
    }

    func run(_ input: UnsafeRawBufferPointer) {
        guard let first = input.first else { return }
        let bytes = Array(input.dropFirst())
        let whole = unpack(bytes, parts: bytes.count + 1)
        let parts = unpack(bytes, parts: 1 + Int(first))
        promise(whole == parts, "in parts: \(String(describing: parts)), whole: \(String(describing: whole))")
    }

    /// What comes out, in short; nil for a fault, before which more or less may have come.
    private func unpack(_ bytes: [UInt8], parts: Int) -> [UInt64]? {
        var count: UInt64 = 0
        var sum: UInt64 = 0
        do throws(SwiftletError) {
            let source = try decompressed(PartSource(bytes, size: parts), object: "input", limits: limits)
            while true {
                let part = try source.read()
                if part.count == 0 { return [count, sum] }
                count += UInt64(part.count)
                for byte in part { sum = sum &* 31 &+ UInt64(byte) }
                promise(count <= 16 << 20, "more came out than may")
            }
        } catch {
            promise(error.object == "input" && error.code != .internal, "\(error)")
            return nil
        }
    }
}
