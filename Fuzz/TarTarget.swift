import Errors

@testable import ImageStore

/// The tar reader. However its bytes come in parts, it reads the same.
final class TarTarget: FuzzTarget {
    static let name = "tar"
    static var seeds: [[UInt8]] { TarInput.seeds }

    private let limits: ImageLimits

    init() {
        var limits = ImageLimits()
        limits.headerBytes = 1 << 16
        limits.sparseSegments = 500
        limits.attributeCount = 20
        limits.ratioGrace = 1 << 18
        limits.compressionRatio = 100
        self.limits = limits
    }

    func run(_ input: UnsafeRawBufferPointer) {
        guard let first = input.first else { return }
        let form = TarInput.Form(rawValue: first % UInt8(TarInput.Form.allCases.count)) ?? .asIs
        let archive = TarInput.archive(form, UnsafeRawBufferPointer(rebasing: input.dropFirst()))
        let whole = read(archive, parts: archive.count + 1)
        let parts = read(archive, parts: 1 + Int(first) * 3)
        promise(whole == parts, "read in parts:\n\(parts)\nread whole:\n\(whole)")
    }

    private struct Outcome: Equatable {
        /// Two an entry: what it is, and its data.
        var entries: [[UInt64]] = []
        var error: String?
    }

    private func read(_ archive: [UInt8], parts: Int) -> Outcome {
        let reader = TarReader(PartSource(archive, size: parts), limits: limits)
        var outcome = Outcome()
        do throws(SwiftletError) {
            while let entry = try reader.next() {
                promise(entry.mode <= 0o7777 && entry.uid != .max && entry.gid != .max, "\(entry)")
                promise(entry.size >= 0 && (entry.kind == .file || entry.size == 0), "\(entry)")
                promise((0..<1_000_000_000).contains(entry.modified.nanoseconds), "\(entry)")
                promise(entry.extendedAttributes.count <= limits.attributeCount, "\(entry)")
                outcome.entries.append(summary(entry))
                outcome.entries.append(try data(of: entry, reader, half: outcome.entries.count % 3 == 0))
            }
            try reader.drain(limit: 1 << 20)
        } catch {
            outcome.error = error.description
        }
        return outcome
    }

    /// Shorter than its description, which would take most of the time.
    private func summary(_ entry: TarEntry) -> [UInt64] {
        var numbers = [
            UInt64(entry.mode), UInt64(entry.uid), UInt64(entry.gid), UInt64(entry.size), entry.isSparse ? 1 : 0,
            UInt64(bitPattern: entry.modified.seconds), UInt64(entry.modified.nanoseconds), sum(entry.name),
            sum(entry.linkTarget), sum(entry.accessList?.attribute ?? []), sum(entry.defaultList?.attribute ?? []),
        ]
        for attribute in entry.extendedAttributes { numbers += [sum(attribute.name), sum(attribute.value)] }
        return numbers
    }

    private func sum(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(1) { $0 &* 31 &+ UInt64($1) } }

    private func data(of entry: TarEntry, _ reader: TarReader, half: Bool) throws(SwiftletError) -> [UInt64] {
        var count: Int64 = 0
        var sum: UInt64 = 0
        while true {
            if !half {
                let hole = try reader.skipHole()
                promise(hole >= 0 && hole <= entry.size - count, "hole of \(hole) in \(entry)")
                count += hole
            }
            let bytes = try reader.read()
            if bytes.count == 0 { break }
            for byte in bytes { sum = sum &* 31 &+ UInt64(byte) }
            count += Int64(bytes.count)
            promise(count <= entry.size, "\(count) bytes of \(entry)")
            // The rest is for the next entry to pass over. How much came so far depends on the parts.
            if half { return [] }
        }
        promise(count == entry.size, "\(count) bytes of \(entry)")
        return [UInt64(count), sum]
    }
}

/// Gives its bytes in parts of one size.
final class PartSource: ByteSource {
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
