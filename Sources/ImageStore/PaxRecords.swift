import Errors
import LinuxSystem

/// The records of a PAX extended header (POSIX pax, "pax Extended Header"): `length key=value\n`. Keys that mean nothing
/// here are dropped.
struct PaxRecords {
    var name: [UInt8]?
    var linkName: [UInt8]?
    var size: Int64?
    var uid: Int64?
    var gid: Int64?
    var modified: FileTime?
    var extendedAttributes: [TarEntry.ExtendedAttribute] = []
    var isSparse = false

    mutating func merge(_ bytes: [UInt8]) throws(SwiftletError) {
        var at = 0
        while at < bytes.count {
            guard let space = bytes[at...].firstIndex(of: 0x20), space - at <= 10,
                let length = Int(String(decoding: bytes[at..<space], as: UTF8.self)), length > space - at + 2,
                length <= bytes.count - at, bytes[at + length - 1] == 0x0a
            else { throw Self.fault("a record's length is wrong") }
            let record = bytes[(space + 1)..<(at + length - 1)]
            guard let equals = record.firstIndex(of: 0x3d) else { throw Self.fault("a record has no =") }
            try set(String(decoding: record[..<equals], as: UTF8.self), record[..<equals], record[(equals + 1)...])
            at += length
        }
    }

    private mutating func set(
        _ key: String, _ keyBytes: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>
    ) throws(SwiftletError) {
        switch key {
        case "path": name = try Self.path(value, key)
        case "linkpath": linkName = try Self.path(value, key)
        case "size": size = try Self.number(value, key)
        case "uid": uid = try Self.number(value, key)
        case "gid": gid = try Self.number(value, key)
        case "mtime": modified = try Self.time(value)
        default:
            let prefix = "SCHILY.xattr."
            if key.hasPrefix(prefix) {
                let attribute = Array(keyBytes.dropFirst(prefix.utf8.count))
                guard !attribute.isEmpty, attribute.count <= 255, !attribute.contains(0), value.count <= 65536 else {
                    throw Self.fault("an extended attribute's name or value is too long")
                }
                extendedAttributes.removeAll { $0.name == attribute }
                extendedAttributes.append(.init(name: attribute, value: Array(value)))
            } else if key.hasPrefix("GNU.sparse.") {
                isSparse = true
            }
        }
    }

    private static func path(_ value: ArraySlice<UInt8>, _ key: String) throws(SwiftletError) -> [UInt8] {
        guard !value.contains(0) else { throw fault("\(key) holds a NUL byte") }
        return Array(value)
    }

    private static func number(_ value: ArraySlice<UInt8>, _ key: String) throws(SwiftletError) -> Int64 {
        guard value.count <= 19, let number = Int64(String(decoding: value, as: UTF8.self)), number >= 0 else {
            throw fault("\(key) is no number in range")
        }
        return number
    }

    /// Seconds with a decimal fraction, which always counts forward: -1.5 is -2 s and 500,000,000 ns.
    static func time(_ value: ArraySlice<UInt8>) throws(SwiftletError) -> FileTime {
        let negative = value.first == 0x2d
        let parts = value.dropFirst(negative ? 1 : 0).split(separator: 0x2e, omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), (1...18).contains(parts[0].count),
            parts.allSatisfy({ $0.allSatisfy { (0x30...0x39).contains($0) } }),
            let seconds = Int64(String(decoding: parts[0], as: UTF8.self)), seconds < 1 << 40
        else { throw fault("mtime is no time in range") }
        var nanoseconds = 0
        if parts.count == 2 {
            for digit in (Array(parts[1]) + Array(repeating: 0x30, count: 9)).prefix(9) {
                nanoseconds = nanoseconds * 10 + Int(digit - 0x30)
            }
        }
        guard negative else { return FileTime(seconds: seconds, nanoseconds: nanoseconds) }
        return nanoseconds == 0
            ? FileTime(seconds: -seconds) : FileTime(seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds)
    }

    private static func fault(_ what: String) -> SwiftletError {
        SwiftletError(.dataLoss, "a PAX header is malformed: \(what)")
    }
}
