import Errors
import LinuxSystem

/// Reads a tar archive once, front to back: ustar, PAX and GNU headers. Entry data is pulled between two `next()`.
final class TarReader: ByteSource {
    private let source: any ByteSource
    private let limits: ImageLimits
    private var buffer = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Data of the current entry not read yet, and the padding after it.
    private var remaining: Int64 = 0
    private var padding: Int64 = 0
    private var globals = PaxRecords()
    private(set) var entryCount = 0
    /// For errors: the last entry met.
    private var lastName: String?

    init(_ source: any ByteSource, limits: ImageLimits) {
        self.source = source
        self.limits = limits
    }

    // MARK: Bytes

    private func fill() throws(SwiftletError) -> Bool {
        if buffer.count == 0 { buffer = try source.read() }
        return buffer.count > 0
    }

    /// Exactly `count` bytes; nil at the end of the source if nothing came before it.
    private func take(_ count: Int) throws(SwiftletError) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            guard try fill() else {
                if bytes.isEmpty { return nil }
                throw truncated()
            }
            let part = min(count - bytes.count, buffer.count)
            bytes.append(contentsOf: buffer[..<part])
            buffer = UnsafeRawBufferPointer(rebasing: buffer[part...])
        }
        return bytes
    }

    private func pass(_ count: Int64) throws(SwiftletError) {
        var left = count
        while left > 0 {
            if buffer.count == 0 { left -= try source.skip(left) }
            guard left > 0 else { return }
            guard try fill() else { throw truncated() }
            let part = Int(min(left, Int64(buffer.count)))
            buffer = UnsafeRawBufferPointer(rebasing: buffer[part...])
            left -= Int64(part)
        }
    }

    private func truncated() -> SwiftletError {
        SwiftletError(
            .dataLoss, lastName.map { "ends in the middle of entry \($0): it is truncated" } ?? "is truncated or no tar"
        )
    }

    /// Data of the current entry, valid until the next call; empty at its end.
    func read() throws(SwiftletError) -> UnsafeRawBufferPointer {
        guard remaining > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        guard try fill() else { throw truncated() }
        let count = Int(min(remaining, Int64(buffer.count)))
        let part = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        buffer = UnsafeRawBufferPointer(rebasing: buffer[count...])
        remaining -= Int64(count)
        return part
    }

    /// All data of the current entry. Errors: `resourceExhausted` beyond `limit` bytes.
    func readAll(limit: Int) throws(SwiftletError) -> [UInt8] {
        guard remaining <= limit else {
            throw SwiftletError(.resourceExhausted, "entry \(lastName ?? "") is larger than \(limit) bytes")
        }
        return try take(Int(remaining)).map { bytes in
            remaining = 0
            return bytes
        } ?? []
    }

    /// Reads what follows the end of the archive, so that a hash or a writer sees it all.
    func drain(limit: Int64) throws(SwiftletError) {
        var total: Int64 = 0
        while try fill() {
            total += Int64(buffer.count)
            guard total <= limit else {
                throw SwiftletError(.resourceExhausted, "has more than \(limit) bytes after its end")
            }
            buffer = UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }

    // MARK: Entries

    /// The next entry, passing over what is left of the current one; nil at the end of the archive. Errors: `dataLoss` for
    /// a damaged archive, `resourceExhausted` beyond a limit, `unimplemented` for what is not supported.
    func next() throws(SwiftletError) -> TarEntry? {
        var pax = globals
        var longName: [UInt8]?
        var longLink: [UInt8]?
        while true {
            try pass(remaining + padding)
            (remaining, padding) = (0, 0)
            guard let block = try take(512) else { return nil }
            guard block.contains(where: { $0 != 0 }) else { return nil }
            let header = try TarHeader(block)
            entryCount += 1
            switch header.type {
            case 0x78: try pax.merge(try extended(header))  // x
            case 0x67: try globals.merge(try extended(header))  // g
            case 0x4c: longName = try Array(extended(header).prefix { $0 != 0 })  // L
            case 0x4b: longLink = try Array(extended(header).prefix { $0 != 0 })  // K
            case 0x56: try begin(header.number(124, 12, "size"))  // V, a volume's label
            default:
                let entry = try entry(header, pax, longName: longName, longLink: longLink)
                try begin(entry.size)
                return entry
            }
        }
    }

    private func begin(_ size: Int64) throws(SwiftletError) {
        guard size >= 0, size <= 1 << 60 else { throw SwiftletError(.dataLoss, "an entry's size is out of range") }
        remaining = size
        padding = (512 - size % 512) % 512
    }

    private func extended(_ header: TarHeader) throws(SwiftletError) -> [UInt8] {
        try begin(try header.number(124, 12, "size"))
        guard remaining <= limits.headerBytes else {
            throw SwiftletError(.resourceExhausted, "an extended header is larger than \(limits.headerBytes) bytes")
        }
        return try readAll(limit: limits.headerBytes)
    }

    private func entry(
        _ header: TarHeader, _ pax: PaxRecords, longName: [UInt8]?, longLink: [UInt8]?
    ) throws(SwiftletError) -> TarEntry {
        let name = pax.name ?? longName ?? header.name
        let shown = "\"\(printable(String(decoding: name, as: UTF8.self)))\""
        lastName = shown
        guard !pax.isSparse, header.type != 0x53 else {
            throw SwiftletError(
                .unimplemented, "entry \(shown) is a sparse file, which is not supported",
                hint: "pack it without --sparse")
        }
        let kind = try kind(header, name: name, shown: shown)
        let owner = if let uid = pax.uid { uid } else { try header.number(108, 8, "uid") }
        let group = if let gid = pax.gid { gid } else { try header.number(116, 8, "gid") }
        // The last number means "unchanged" to chown(2).
        guard let uid = UInt32(exactly: owner), let gid = UInt32(exactly: group), uid != .max, gid != .max else {
            throw SwiftletError(.dataLoss, "entry \(shown) has an owner out of range")
        }
        let size = if let size = pax.size { size } else { try header.number(124, 12, "size") }
        let modified =
            if let time = pax.modified { time } else { FileTime(seconds: try header.number(136, 12, "mtime")) }
        return TarEntry(
            name: name, kind: kind, linkTarget: pax.linkName ?? longLink ?? header.linkName,
            mode: UInt32(truncatingIfNeeded: try header.number(100, 8, "mode")) & 0o7777, uid: uid, gid: gid,
            // Links and special files have no data, whatever their size says.
            size: kind == .file ? size : 0,
            modified: modified,
            extendedAttributes: pax.extendedAttributes)
    }

    private func kind(_ header: TarHeader, name: [UInt8], shown: String) throws(SwiftletError) -> TarEntry.Kind {
        switch header.type {
        case 0, 0x30, 0x37: name.last == 0x2f ? .directory : .file
        case 0x31: .hardLink
        case 0x32: .symbolicLink
        case 0x33: .characterDevice(major: try device(header, 329), minor: try device(header, 337))
        case 0x34: .blockDevice(major: try device(header, 329), minor: try device(header, 337))
        case 0x35: .directory
        case 0x36: .fifo
        default:
            throw SwiftletError(
                .unimplemented, "entry \(shown) is of tar type \(header.type), which is not supported")
        }
    }

    private func device(_ header: TarHeader, _ offset: Int) throws(SwiftletError) -> UInt32 {
        guard let number = UInt32(exactly: try header.number(offset, 8, "device number")), number < 1 << 20 else {
            throw SwiftletError(.dataLoss, "a tar header's device number is out of range")
        }
        return number
    }
}
