import Errors
import LinuxSystem

/// The records of a PAX extended header (POSIX pax, "pax Extended Header"): `length key=value\n`. Keys that mean nothing
/// here are dropped; an empty value takes back what was said before.
struct PaxRecords {
    private(set) var name: [UInt8]?
    private(set) var linkName: [UInt8]?
    private(set) var size: Int64?
    private(set) var uid: Int64?
    private(set) var gid: Int64?
    private(set) var modified: FileTime?
    private(set) var extendedAttributes: [TarEntry.ExtendedAttribute] = []
    private var attributeBytes = 0
    private(set) var accessList: AccessControlList?
    private(set) var defaultList: AccessControlList?
    private(set) var sparse: Sparse?
    private let limits: ImageLimits

    /// GNU tar's records of a sparse file.
    struct Sparse {
        var map: SparseMapBuilder
        var major: Int64 = 0
        var minor: Int64?
        var name: [UInt8]?
        var size: Int64?
        var parts: Int64?
    }

    init(limits: ImageLimits) { self.limits = limits }

    /// What a global header says, of which a sparse file's map can be no part.
    mutating func mergeGlobal(_ bytes: UnsafeRawBufferPointer) throws(SwiftletError) {
        try merge(bytes)
        sparse = nil
        // One name for all entries: readers disagree what that means, and so on what the archive holds.
        for (key, isSet) in [("path", name != nil), ("linkpath", linkName != nil), ("size", size != nil)] where isSet {
            throw Self.fault("a global header sets \(key)")
        }
    }

    mutating func merge(_ bytes: UnsafeRawBufferPointer) throws(SwiftletError) {
        var at = 0
        while at < bytes.count {
            var space = at
            while space < bytes.count, space - at <= 10, bytes[space] != 0x20 { space += 1 }
            guard let length = UnsafeRawBufferPointer(rebasing: bytes[at..<space]).decimal,
                length > space - at + 2, length <= bytes.count - at, bytes[at + Int(length) - 1] == 0x0a
            else { throw Self.fault("a record's length is wrong") }
            let end = at + Int(length) - 1
            var equals = space + 1
            while equals < end, bytes[equals] != 0x3d { equals += 1 }
            guard equals < end, equals > space + 1 else { throw Self.fault("a record is not key=value") }
            try set(
                UnsafeRawBufferPointer(rebasing: bytes[(space + 1)..<equals]),
                UnsafeRawBufferPointer(rebasing: bytes[(equals + 1)..<end]))
            at = end + 1
        }
    }

    private mutating func set(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) throws(SwiftletError) {
        switch key[0] {
        case 0x70 where key == "path": name = try Self.path(value, "path")
        case 0x6c where key == "linkpath": linkName = try Self.path(value, "linkpath")
        case 0x73 where key == "size": size = try Self.number(value, "size")
        case 0x75 where key == "uid": uid = try Self.number(value, "uid")
        case 0x67 where key == "gid": gid = try Self.number(value, "gid")
        case 0x6d where key == "mtime": modified = try Self.time(value)
        case 0x53 where key.starts(with: "SCHILY.xattr."):
            try add(Array(key[13...]), Array(value))
        case 0x4c where key.starts(with: "LIBARCHIVE.xattr."):
            let name = UnsafeRawBufferPointer(rebasing: key[17...])
            guard let name = PaxEncoding.percentDecoded(name), let value = PaxEncoding.base64Decoded(value) else {
                throw Self.fault("an extended attribute of libarchive's is badly encoded")
            }
            try add(name, value)
        case 0x53 where key == "SCHILY.acl.access": accessList = try AccessControlList(value)
        case 0x53 where key == "SCHILY.acl.default": defaultList = try AccessControlList(value)
        case 0x47 where key.starts(with: "GNU.sparse."):
            try setSparse(UnsafeRawBufferPointer(rebasing: key[11...]), value)
        default: return
        }
    }

    /// The same attribute may come in two spellings: the last one counts.
    private mutating func add(_ name: [UInt8], _ value: [UInt8]) throws(SwiftletError) {
        guard !name.isEmpty, name.count <= 255, !name.contains(0), value.count <= 65536 else {
            throw Self.fault("an extended attribute's name or value is too long")
        }
        attributeBytes += name.count + value.count
        if let index = extendedAttributes.firstIndex(where: { $0.name == name }) {
            attributeBytes -= name.count + extendedAttributes[index].value.count
            extendedAttributes.remove(at: index)
        }
        extendedAttributes.append(.init(name: name, value: value))
        guard extendedAttributes.count <= limits.attributeCount else {
            throw SwiftletError(
                .resourceExhausted, "has more than \(limits.attributeCount) extended attributes",
                hint: ImageLimits.hint("xattr-count"))
        }
        guard attributeBytes <= limits.attributeBytes else {
            throw SwiftletError(
                .resourceExhausted, "has more than \(limits.attributeBytes) bytes of extended attributes",
                hint: ImageLimits.hint("xattr-size"))
        }
    }

    private mutating func setSparse(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) throws(SwiftletError) {
        var new = sparse ?? Sparse(map: SparseMapBuilder(limit: limits.sparseSegments))
        sparse = nil
        func number() throws(SwiftletError) -> Int64 {
            guard let number = value.decimal else { throw SparseMap.fault("a record of it is no number in range") }
            return number
        }
        if key == "major" {
            new.major = try number()
        } else if key == "minor" {
            new.minor = try number()
        } else if key == "name" {
            new.name = try Self.path(value, "GNU.sparse.name")
        } else if key == "size" || key == "realsize" {
            new.size = try number()
        } else if key == "numblocks" {
            new.parts = try number()
        } else if key == "offset" {
            try new.map.takeOffset(try number())
        } else if key == "numbytes" {
            try new.map.takeLength(try number())
        } else if key == "map" {
            try new.map.takeList(value)
        }
        sparse = new
    }

    // MARK: Values

    private static func path(_ value: UnsafeRawBufferPointer, _ key: StaticString) throws(SwiftletError) -> [UInt8]? {
        guard !value.contains(0) else { throw fault("\(key) holds a NUL byte") }
        return value.isEmpty ? nil : Array(value)
    }

    private static func number(_ value: UnsafeRawBufferPointer, _ key: StaticString) throws(SwiftletError) -> Int64? {
        if value.isEmpty { return nil }
        guard let number = value.decimal else { throw fault("\(key) is no number in range") }
        return number
    }

    /// Seconds with a decimal fraction, which always counts forward: -1.5 is -2 s and 500,000,000 ns.
    static func time(_ value: UnsafeRawBufferPointer) throws(SwiftletError) -> FileTime? {
        if value.isEmpty { return nil }
        let negative = value[0] == 0x2d
        let start = negative ? 1 : 0
        var point = start
        while point < value.count, value[point] != 0x2e { point += 1 }
        guard let seconds = UnsafeRawBufferPointer(rebasing: value[start..<point]).decimal, seconds < 1 << 40 else {
            throw fault("mtime is no time in range")
        }
        var nanoseconds = 0
        var weight = 100_000_000
        for byte in value.dropFirst(point + 1) {
            guard byte >= 0x30, byte <= 0x39 else { throw fault("mtime is no time in range") }
            nanoseconds += Int(byte - 0x30) * weight
            weight /= 10
        }
        guard negative else { return FileTime(seconds: seconds, nanoseconds: nanoseconds) }
        return nanoseconds == 0
            ? FileTime(seconds: -seconds) : FileTime(seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds)
    }

    private static func fault(_ what: String) -> SwiftletError {
        SwiftletError(.dataLoss, "a PAX header is malformed: \(what)")
    }
}
