import Errors

/// Where the stored bytes of a sparse file lie in it; between them it has holes, which read as zeros.
struct SparseMap: Sendable, Equatable {
    struct Segment: Sendable, Equatable {
        var offset: Int64
        var length: Int64
    }

    /// In order, none beginning before the end of the one before it.
    let segments: [Segment]
    /// The file's, holes included.
    let size: Int64

    /// `stored` is how many bytes of data the archive has. Errors: `dataLoss` for a map that no file could have.
    init(_ segments: [Segment], size: Int64, stored: Int64) throws(SwiftletError) {
        guard size >= 0, size <= 1 << 60 else { throw Self.fault("the file's size is out of range") }
        var end: Int64 = 0
        var total: Int64 = 0
        for segment in segments {
            guard segment.offset >= end, segment.length >= 0, segment.offset <= size,
                segment.length <= size - segment.offset
            else { throw Self.fault("its parts overlap or lie outside the file") }
            end = segment.offset + segment.length
            total += segment.length
        }
        guard total == stored else { throw Self.fault("it covers \(total) bytes where \(stored) are stored") }
        self.segments = segments
        self.size = size
    }

    static func fault(_ what: String) -> SwiftletError {
        SwiftletError(.dataLoss, "a sparse file's map is wrong: \(what)")
    }
}

/// A sparse file's map while it is read, from one of GNU tar's four ways to write it (tar manual, "Storing Sparse
/// Files").
struct SparseMapBuilder {
    private(set) var segments: [SparseMap.Segment] = []
    private let limit: Int
    /// Format 0.0 gives offset and length by records of their own.
    private var offset: Int64?

    init(limit: Int) { self.limit = limit }

    mutating func append(offset: Int64, length: Int64) throws(SwiftletError) {
        guard segments.count < limit else { throw Self.tooMany(limit) }
        segments.append(SparseMap.Segment(offset: offset, length: length))
    }

    static func tooMany(_ limit: Int) -> SwiftletError {
        SwiftletError(
            .resourceExhausted, "a sparse file has more than \(limit) parts",
            hint: ImageLimits.hint("sparse-segments"))
    }

    // MARK: PAX formats 0.0 and 0.1: records of the extended header

    mutating func takeOffset(_ value: Int64) throws(SwiftletError) {
        guard offset == nil else { throw SparseMap.fault("a part has no length") }
        offset = value
    }

    mutating func takeLength(_ value: Int64) throws(SwiftletError) {
        guard let offset else { throw SparseMap.fault("a part has no offset") }
        try append(offset: offset, length: value)
        self.offset = nil
    }

    /// `offset,length,offset,length…`.
    mutating func takeList(_ text: UnsafeRawBufferPointer) throws(SwiftletError) {
        segments.removeAll()
        offset = nil
        var at = 0
        while at < text.count {
            var end = at
            while end < text.count, text[end] != 0x2c { end += 1 }
            guard let value = UnsafeRawBufferPointer(rebasing: text[at..<end]).decimal else {
                throw SparseMap.fault("it has something that is no number")
            }
            if offset == nil { try takeOffset(value) } else { try takeLength(value) }
            at = end + 1
        }
        try finish()
    }

    func finish() throws(SwiftletError) {
        guard offset == nil else { throw SparseMap.fault("a part has no length") }
    }

    // MARK: GNU's old format: records of a header block

    /// `count` pairs of 12-byte numbers. An empty one ends the block's list.
    mutating func takeRecords(
        _ block: UnsafeRawBufferPointer, at start: Int, count: Int
    ) throws(SwiftletError) {
        for index in 0..<count {
            let at = start + index * 24
            guard block[at + 12] != 0 else { return }
            try append(
                offset: try TarHeader.number(block, at, 12, "sparse offset"),
                length: try TarHeader.number(block, at + 12, 12, "sparse length"))
        }
    }
}

/// PAX format 1.0: the map stands before the data, decimal numbers on lines of their own, first how many parts there are.
struct SparseMapText {
    private var builder: SparseMapBuilder
    private let limit: Int
    private var parts: Int64?
    private var number: Int64 = 0
    private var digits = 0

    init(limit: Int) {
        self.limit = limit
        builder = SparseMapBuilder(limit: limit)
    }

    /// The parts, or nil while they are not complete.
    var segments: [SparseMap.Segment]? {
        guard let parts, Int64(builder.segments.count) == parts else { return nil }
        return builder.segments
    }

    /// The next block; what stands in it after the map is padding.
    mutating func take(_ block: UnsafeRawBufferPointer) throws(SwiftletError) {
        for byte in block {
            if segments != nil { return }
            switch byte {
            case 0x30...0x39:
                digits += 1
                guard digits <= 18 else { throw SparseMap.fault("a number in it is too long") }
                number = number * 10 + Int64(byte - 0x30)
            case 0x0a:
                guard digits > 0 else { throw SparseMap.fault("a line of it is empty") }
                try takeNumber(number)
                (number, digits) = (0, 0)
            default: throw SparseMap.fault("it has something that is no number")
            }
        }
    }

    private var isOffset = true

    private mutating func takeNumber(_ value: Int64) throws(SwiftletError) {
        guard parts != nil else {
            guard value <= limit else { throw SparseMapBuilder.tooMany(limit) }
            parts = value
            return
        }
        if isOffset { try builder.takeOffset(value) } else { try builder.takeLength(value) }
        isOffset.toggle()
    }
}
