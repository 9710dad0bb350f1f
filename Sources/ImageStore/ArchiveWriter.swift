import Errors
import Glibc
import LinuxSystem

/// Writes a tar archive of plain files, one after the other: POSIX ustar with PAX headers where a name or size needs one
/// (POSIX pax, "pax Interchange Format"). The same files give the same bytes.
struct ArchiveWriter {
    private let raw: Int32
    private let cancellation: LoadCancellation
    /// A pipe or socket, whose other end may be slow.
    private let mayWait: Bool
    private(set) var bytesWritten: Int64 = 0

    /// Borrows `raw`, a file or pipe. Waiting for a pipe's reader ends when `cancellation` is called.
    init(_ raw: Int32, cancellation: LoadCancellation) throws(SwiftletError) {
        self.raw = raw
        self.cancellation = cancellation
        mayWait = try !status(raw, name: "archive").isRegularFile
    }

    mutating func add(_ name: String, _ bytes: [UInt8]) throws(SwiftletError) {
        try begin(name, size: Int64(bytes.count))
        try put(bytes)
        try pad(Int64(bytes.count))
    }

    /// Everything `source` gives, which must be `size` bytes; each piece is shown to `inspect` first.
    mutating func add(
        _ name: String, size: Int64, from source: any ByteSource,
        _ inspect: (UnsafeRawBufferPointer) throws(SwiftletError) -> Void
    ) throws(SwiftletError) {
        try begin(name, size: size)
        var left = size
        while true {
            let bytes = try source.read()
            if bytes.count == 0 { break }
            left -= Int64(bytes.count)
            guard left >= 0 else { break }
            try inspect(bytes)
            try put(bytes)
        }
        guard left == 0 else { throw SwiftletError(.dataLoss, "does not have \(size) bytes any more", object: name) }
        try pad(size)
    }

    /// Two blocks of zeros end it.
    mutating func finish() throws(SwiftletError) { try put([UInt8](repeating: 0, count: 1024)) }

    private mutating func begin(_ name: String, size: Int64) throws(SwiftletError) {
        let isLong = name.utf8.count > 100
        let isLarge = size >= 1 << 33
        if isLong || isLarge {
            let records = (isLong ? Self.record("path", name) : []) + (isLarge ? Self.record("size", "\(size)") : [])
            try put(Self.header("PaxHeaders/\(bytesWritten)", size: Int64(records.count), type: "x"))
            try put(records)
            try pad(Int64(records.count))
        }
        try put(Self.header(String(name.suffix(100)), size: isLarge ? 0 : size, type: "0"))
    }

    /// `length key=value\n`, where the length counts its own digits.
    private static func record(_ key: String, _ value: String) -> [UInt8] {
        let rest = " \(key)=\(value)\n"
        var length = rest.utf8.count
        while length != rest.utf8.count + "\(length)".utf8.count { length = rest.utf8.count + "\(length)".utf8.count }
        return Array("\(length)\(rest)".utf8)
    }

    /// A file of root's, 0644, of the first second of 1970, as all that is content-addressed.
    private static func header(_ name: String, size: Int64, type: Character) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func set(_ offset: Int, _ text: String) {
            for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
        }
        func octal(_ value: Int64, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        set(0, name)
        set(100, octal(0o644, 7))
        set(108, octal(0, 7))
        set(116, octal(0, 7))
        set(124, octal(size, 11))
        set(136, octal(0, 11))
        set(148, "        ")
        set(156, String(type))
        set(257, "ustar\u{0}00")
        set(148, octal(block.reduce(0) { $0 + Int64($1) }, 6) + "\u{0} ")
        return block
    }

    private mutating func pad(_ size: Int64) throws(SwiftletError) {
        let rest = Int(size % 512)
        if rest > 0 { try put([UInt8](repeating: 0, count: 512 - rest)) }
    }

    private mutating func put(_ bytes: [UInt8]) throws(SwiftletError) {
        let outcome: Result<Void, SwiftletError> = bytes.withUnsafeBytes { bytes in
            Result { () throws(SwiftletError) in try put(bytes) }
        }
        try outcome.get()
    }

    private mutating func put(_ bytes: UnsafeRawBufferPointer) throws(SwiftletError) {
        var rest = bytes
        while rest.count > 0 {
            try cancellation.check()
            // A page fits a pipe that says it has room, so that no write ever waits where nothing could wake it.
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(mayWait ? 4096 : 1 << 20))
            if mayWait { try waitForRoom() }
            try writeAll(raw, part, name: "archive")
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
        }
        bytesWritten += Int64(bytes.count)
    }

    private func waitForRoom() throws(SwiftletError) {
        var polled = [
            pollfd(fd: raw, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: cancellation.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        try retrying("poll", "archive") { poll(&polled, 2, -1) }
        try cancellation.check()
    }
}
