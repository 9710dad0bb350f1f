import Errors
import LinuxSystem

/// Reads a tar archive once, front to back: ustar, PAX and GNU headers. Entry data is pulled between two `next()`.
final class TarReader: ByteSource {
    private let source: any ByteSource
    let limits: ImageLimits
    private var buffer = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Bytes of the archive taken so far.
    private var consumed: Int64 = 0
    /// For a block that two buffers share.
    private let spare = UnsafeMutableRawBufferPointer.allocate(byteCount: TarHeader.size, alignment: 64)
    private var extended: [UInt8] = []
    private var globals: PaxRecords
    private let entryLimit: (most: Int, limit: String)?
    /// With headers that stand for themselves, and with those that are said twice of one entry.
    private(set) var entryCount = 0
    /// For errors: the last entry met.
    private var lastName: [UInt8]?

    /// Bytes of the current entry's data in the archive not read yet, and the padding after them.
    private var stored: Int64 = 0
    private var padding: Int64 = 0
    private var isFirstRead = false
    /// Of a sparse file: zeros before the next stored bytes, those bytes up to the next hole, and the parts to come.
    private var hole: Int64 = 0
    private var stretch: Int64 = 0
    private var parts: ArraySlice<SparseMap.Segment> = []
    private var position: Int64 = 0
    private var isSparse = false
    private var zeros: Int64 = 0
    private var zeroPage: UnsafeMutableRawBufferPointer?

    /// `entries`: how many the archive may have, and the limit that says so.
    init(_ source: any ByteSource, limits: ImageLimits, entries: (most: Int, limit: String)? = nil) {
        self.source = source
        entryLimit = entries
        self.limits = limits
        globals = PaxRecords(limits: limits)
    }

    deinit {
        spare.deallocate()
        zeroPage?.deallocate()
    }

    // MARK: Bytes

    private func fill() throws(SwiftletError) -> Bool {
        if buffer.count == 0 {
            buffer = try source.read()
            consumed += Int64(buffer.count)
        }
        return buffer.count > 0
    }

    /// Up to `count` bytes at hand, none only at the end of the source.
    private func piece(_ count: Int64) throws(SwiftletError) -> UnsafeRawBufferPointer {
        guard try fill() else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let part = Int(min(count, Int64(buffer.count)))
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<part])
        buffer = UnsafeRawBufferPointer(rebasing: buffer[part...])
        return bytes
    }

    /// The next `count` bytes, at most a block, valid until the next call; nil at the end of the source if nothing came
    /// before it.
    private func block(_ count: Int = TarHeader.size) throws(SwiftletError) -> UnsafeRawBufferPointer? {
        if buffer.count >= count { return try piece(Int64(count)) }
        var filled = 0
        while filled < count {
            let bytes = try piece(Int64(count - filled))
            guard bytes.count > 0 else {
                if filled == 0 { return nil }
                throw truncated()
            }
            UnsafeMutableRawBufferPointer(rebasing: spare[filled...]).copyMemory(from: bytes)
            filled += bytes.count
        }
        return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(spare)[..<count])
    }

    private func pass(_ count: Int64) throws(SwiftletError) {
        var left = count
        while left > 0 {
            if buffer.count == 0 {
                let skipped = try source.skip(left)
                consumed += skipped
                left -= skipped
            }
            guard left > 0 else { return }
            let bytes = try piece(left)
            guard bytes.count > 0 else { throw truncated() }
            left -= Int64(bytes.count)
        }
    }

    /// Replaces `target` with the rest of the current entry's stored bytes.
    private func takeStored(into target: inout [UInt8]) throws(SwiftletError) {
        target.removeAll(keepingCapacity: true)
        target.reserveCapacity(Int(stored))
        while stored > 0 {
            let bytes = try piece(stored)
            guard bytes.count > 0 else { throw truncated() }
            target.append(contentsOf: bytes)
            stored -= Int64(bytes.count)
        }
    }

    private var shownName: String? {
        lastName.map { "\"\(printable(String(decoding: $0, as: UTF8.self)))\"" }
    }

    private func truncated() -> SwiftletError {
        SwiftletError(
            .dataLoss,
            shownName.map { "ends in the middle of entry \($0): it is truncated" } ?? "is truncated or no tar")
    }

    // MARK: Data

    /// Data of the current entry, holes as zeros, valid until the next call; empty at its end. The first call gives at
    /// least a block, unless the entry is smaller: enough to tell what it is.
    func read() throws(SwiftletError) -> UnsafeRawBufferPointer {
        if isSparse {
            try advance()
            if hole > 0 { return try readHole() }
        }
        guard stretch > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let bytes: UnsafeRawBufferPointer
        if isFirstRead, buffer.count < TarHeader.size, stretch > buffer.count {
            guard let first = try block(Int(min(stretch, Int64(TarHeader.size)))) else { throw truncated() }
            bytes = first
        } else {
            bytes = try piece(stretch)
            guard bytes.count > 0 else { throw truncated() }
        }
        isFirstRead = false
        stored -= Int64(bytes.count)
        stretch -= Int64(bytes.count)
        return bytes
    }

    /// Passes over the hole that the data goes on with, if it does, and says how many bytes it has.
    func skipHole() throws(SwiftletError) -> Int64 {
        guard isSparse else { return 0 }
        try advance()
        defer { hole = 0 }
        return hole
    }

    private func readHole() throws(SwiftletError) -> UnsafeRawBufferPointer {
        let page = zeroPage ?? .zeros(1 << 16)
        zeroPage = page
        let count = Int(min(hole, Int64(page.count)))
        hole -= Int64(count)
        zeros += Int64(count)
        guard zeros <= limits.ratioGrace || zeros / limits.compressionRatio <= consumed else {
            throw SwiftletError(
                .resourceExhausted, "has holes of over \(limits.compressionRatio) times its size: a bomb",
                hint: ImageLimits.hint("compression-ratio"))
        }
        return UnsafeRawBufferPointer(rebasing: page[..<count])
    }

    /// Goes on to the next part of a sparse file when this one is used up.
    private func advance() throws(SwiftletError) {
        while hole == 0, stretch == 0, let part = parts.popFirst() {
            hole = part.offset - position
            stretch = part.length
            position = part.offset + part.length
        }
    }

    /// All data of the current entry. Errors: `resourceExhausted` beyond `limit` bytes.
    func readAll(limit: Int) throws(SwiftletError) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = try read()
            if bytes.count == 0 { return all }
            guard all.count + bytes.count <= limit else {
                throw SwiftletError(.resourceExhausted, "is larger than \(limit) bytes")
            }
            all.append(contentsOf: bytes)
        }
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
        var headers = EntryHeaders(globals)
        var hasOwn = false
        var said: Set<UInt8> = []
        while true {
            try pass(stored + padding)
            begin(0)
            guard let block = try block(), let header = try TarHeader(block) else { return nil }
            try count(header.type, &said)
            switch header.type {
            case 0x78:  // x
                try extended(header) { (bytes) throws(SwiftletError) in try headers.pax.merge(bytes) }
                hasOwn = true
            case 0x67:  // g
                try extended(header) { (bytes) throws(SwiftletError) in try globals.mergeGlobal(bytes) }
                // What an entry says of itself counts more.
                if !hasOwn { headers.pax = globals }
            case 0x4c: try extended(header) { (bytes) throws(SwiftletError) in headers.longName = bytes.untilNUL }  // L
            case 0x4b: try extended(header) { (bytes) throws(SwiftletError) in headers.longLink = bytes.untilNUL }  // K
            case 0x56: begin(try size(header))  // V, a volume's label
            default: return try entry(header, headers)
            }
        }
    }

    private func count(_ type: UInt8, _ said: inout Set<UInt8>) throws(SwiftletError) {
        let isOfAnEntry = type == 0x78 || type == 0x4c || type == 0x4b
        if isOfAnEntry, said.insert(type).inserted { return }
        entryCount += 1
        if let entryLimit, entryCount > entryLimit.most {
            throw SwiftletError(
                .resourceExhausted, "has more than \(entryLimit.most) entries",
                hint: ImageLimits.hint(entryLimit.limit))
        }
    }

    private func entry(_ header: TarHeader, _ headers: EntryHeaders) throws(SwiftletError) -> TarEntry {
        lastName = headers.name(header)
        do throws(SwiftletError) {
            var entry = try headers.entry(header)
            guard entry.kind == .file else {
                guard try headers.sparseFormat(header) == nil else { throw SparseMap.fault("it is of no file") }
                return entry
            }
            begin(try Self.inRange(entry.size))
            if let format = try headers.sparseFormat(header) {
                let map = try readMap(format, headers, header)
                entry.size = map.size
                entry.isSparse = true
                begin(map)
            }
            return entry
        } catch {
            throw error.during("entry", shownName ?? "")
        }
    }

    private func size(_ header: TarHeader) throws(SwiftletError) -> Int64 {
        try Self.inRange(try header.number(124, 12, "size"))
    }

    private static func inRange(_ size: Int64) throws(SwiftletError) -> Int64 {
        guard size >= 0, size <= 1 << 60 else { throw SwiftletError(.dataLoss, "its size is out of range") }
        return size
    }

    private func begin(_ size: Int64) {
        (stored, stretch) = (size, size)
        padding = (512 - size % 512) % 512
        (hole, position) = (0, 0)
        parts = []
        isSparse = false
        isFirstRead = true
    }

    /// A sparse file, whose map was read: what is stored are its parts.
    private func begin(_ map: SparseMap) {
        isSparse = true
        stretch = 0
        // A hole at the end is one before a part of nothing.
        parts = (map.segments + [SparseMap.Segment(offset: map.size, length: 0)])[...]
    }

    private func extended(
        _ header: TarHeader, _ take: (UnsafeRawBufferPointer) throws(SwiftletError) -> Void
    ) throws(SwiftletError) {
        begin(try size(header))
        guard stored <= limits.headerBytes else {
            throw SwiftletError(
                .resourceExhausted, "an extended header is larger than \(limits.headerBytes) bytes",
                hint: ImageLimits.hint("header-size"))
        }
        var bytes: [UInt8] = []
        swap(&bytes, &extended)
        try takeStored(into: &bytes)
        let result = bytes.withUnsafeBytes { buffer in Result { () throws(SwiftletError) in try take(buffer) } }
        swap(&bytes, &extended)
        try result.get()
    }

    // MARK: Sparse files

    private func readMap(
        _ format: SparseFormat, _ headers: EntryHeaders, _ header: TarHeader
    ) throws(SwiftletError) -> SparseMap {
        switch format {
        case .gnu: return try readGNUMap(header)
        case .records(let records):
            try records.map.finish()
            guard let size = records.size else { throw SparseMap.fault("the file's size is missing") }
            if let parts = records.parts, parts != records.map.segments.count {
                throw SparseMap.fault("it has another number of parts than it says")
            }
            return try SparseMap(records.map.segments, size: size, stored: stored)
        case .text(let size):
            var text = SparseMapText(limit: limits.sparseSegments)
            while true {
                guard stored >= TarHeader.size else { throw SparseMap.fault("it is longer than the entry") }
                guard let block = try block() else { throw truncated() }
                stored -= Int64(block.count)
                try text.take(block)
                if let segments = text.segments { return try SparseMap(segments, size: size, stored: stored) }
            }
        }
    }

    /// The header has four parts, each block after it that it announces 21 more.
    private func readGNUMap(_ header: TarHeader) throws(SwiftletError) -> SparseMap {
        var map = SparseMapBuilder(limit: limits.sparseSegments)
        try map.takeRecords(header.bytes, at: 386, count: 4)
        let size = try header.number(483, 12, "size")
        var goesOn = header.bytes[482] != 0
        while goesOn {
            guard let block = try block() else { throw truncated() }
            try map.takeRecords(block, at: 0, count: 21)
            goesOn = block[504] != 0
        }
        return try SparseMap(map.segments, size: size, stored: stored)
    }
}

extension UnsafeRawBufferPointer {
    fileprivate var untilNUL: [UInt8] { Array(prefix { $0 != 0 }) }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate static func zeros(_ count: Int) -> UnsafeMutableRawBufferPointer {
        let page = allocate(byteCount: count, alignment: 4096)
        page.initializeMemory(as: UInt8.self, repeating: 0)
        return page
    }
}
