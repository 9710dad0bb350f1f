import Errors
import Glibc
import Gzip
import LinuxSystem
import Synchronization

/// An open log file, read from its beginning or from a line near its end; a compressed one too. Every method may block: not
/// for the cooperative pool.
final class LogFile: Sendable {
    private let file: OwnedDescriptor
    let isPacked: Bool
    let inode: UInt64

    private var descriptor: Int32 { file.raw }

    private struct Place: ~Copyable {
        var offset: off_t = 0
        /// Bytes of the text to pass over.
        var skip: Int64 = 0
        var unpacker: GzipReader?
    }
    private let place: Mutex<Place>

    static let chunk = 64 << 10

    /// Throws `notFound` when there is none (yet).
    init(_ path: String, isPacked: Bool = false) throws {
        do throws(SwiftletError) {
            file = try Self.open(path, O_NONBLOCK | O_NOCTTY)
            let info = try status(file.raw)
            guard info.isRegularFile else { throw SwiftletError(.internal, "it is no regular file") }
            inode = UInt64(info.st_ino)
        } catch {
            let code: SwiftletError.Code = error.errno == ENOENT ? .notFound : .internal
            throw SwiftletError(
                code, error.reason, operation: "open", object: "log \(printable(path))", errno: error.errno)
        }
        self.isPacked = isPacked
        place = Mutex(Place(unpacker: isPacked ? GzipReader() : nil))
    }

    /// The folders of a pod and of its container, and the file.
    private static let ownParts = 3

    /// A pod that has the folder of all logs as a volume may put into its own what it likes: links lead nowhere, and a pipe
    /// is not waited for.
    private static func open(_ path: String, _ flags: Int32) throws(SwiftletError) -> OwnedDescriptor {
        let parts = pathComponents(path)
        let logs = try openDirectory("/" + parts.dropLast(ownParts).joined(separator: "/"))
        let own = parts.suffix(ownParts).joined(separator: "/")
        return try LinuxSystem.open(at: logs.raw, own, O_RDONLY | flags, [.beneath, .noSymlinks])
    }

    /// The names beside a log; none when its folder is not there.
    static func names(beside path: String) throws(SwiftletError) -> [String] {
        let parts = pathComponents(path)
        do {
            let logs = try openDirectory("/" + parts.dropLast(ownParts).joined(separator: "/"))
            let own = parts.suffix(ownParts).dropLast().joined(separator: "/")
            let folder = try LinuxSystem.open(at: logs.raw, own, O_RDONLY | O_DIRECTORY, [.beneath, .noSymlinks])
            return try Directory(folder).names().map(\.text)
        } catch {
            guard error.errno == ENOENT else { throw error.during("list logs beside", printable(path)) }
            return []
        }
    }

    /// The inode at a path now; nil when nothing is there.
    static func inode(at path: String) -> UInt64? {
        var info = stat()
        return lstat(path, &info) == 0 ? UInt64(info.st_ino) : nil
    }

    /// The next bytes, a chunk at most; empty at the end of what is there.
    func read() throws -> [UInt8] {
        try place.withLock { place in
            while true {
                let bytes = try next(&place)
                if bytes.isEmpty || place.skip == 0 { return bytes }
                let passed = min(place.skip, Int64(bytes.count))
                place.skip -= passed
                if passed < bytes.count { return Array(bytes[Int(passed)...]) }
            }
        }
    }

    private func next(_ place: inout Place) throws -> [UInt8] {
        guard isPacked else {
            if place.skip > 0 {
                place.offset += off_t(place.skip)
                place.skip = 0
            }
            return try read(&place.offset)
        }
        var offset = place.offset
        let bytes = try place.unpacker?.read { try read(&offset) } ?? []
        place.offset = offset
        return bytes
    }

    private func read(_ offset: inout off_t) throws -> [UInt8] {
        let bytes = try read(at: offset, count: Self.chunk)
        offset += off_t(bytes.count)
        return bytes
    }

    private func read(at offset: off_t, count: Int) throws -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            var got = -1
            repeat { got = pread(descriptor, buffer.baseAddress, count, offset) } while got < 0 && errno == EINTR
            if got < 0 { failure = errno }
            used = max(got, 0)
        }
        guard failure == 0 else {
            throw SwiftletError(
                .internal, String(cString: strerror(failure)), operation: "read", object: "log", errno: failure)
        }
        return bytes
    }

    /// What is read next is the last `lines` lines. Returns how many there are.
    func seek(toLast lines: Int64) throws -> Int64 {
        let (start, found) = isPacked ? try packedStart(ofLast: lines) : try start(ofLast: lines)
        place.withLock { place in
            place = Place(skip: start, unpacker: isPacked ? GzipReader() : nil)
        }
        return found
    }

    /// A compressed file is read twice: for the number of its lines, and up to the first that is wanted.
    private func packedStart(ofLast lines: Int64) throws -> (start: Int64, found: Int64) {
        var total: Int64 = 0
        try eachPiece { bytes, _ in
            total += Int64(bytes.count { $0 == 0x0a })
            return true
        }
        if total <= lines { return (0, total) }
        var left = total - lines
        var start: Int64 = 0
        try eachPiece { bytes, at in
            for index in bytes.indices where bytes[index] == 0x0a {
                left -= 1
                guard left == 0 else { continue }
                start = at + Int64(index) + 1
                return false
            }
            return true
        }
        return (start, lines)
    }

    private func eachPiece(_ body: ([UInt8], Int64) -> Bool) throws {
        var unpacker = GzipReader()
        var offset: off_t = 0
        var at: Int64 = 0
        while true {
            let bytes = try unpacker.read { try read(&offset) }
            if bytes.isEmpty || !body(bytes, at) { return }
            at += Int64(bytes.count)
        }
    }

    /// Where the last `lines` lines begin, found from the end, and how many there are.
    private func start(ofLast lines: Int64) throws -> (start: Int64, found: Int64) {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { return (0, 0) }
        var end = Int64(info.st_size)
        guard lines > 0, end > 0 else { return (end, 0) }
        // The break that ends the file ends the last line, and begins none; without one the last line is there all the same.
        var seen: Int64 = 0
        var isLast = true
        while end > 0 {
            let start = max(0, end - Int64(Self.chunk))
            let bytes = try read(at: off_t(start), count: Int(end - start))
            for index in bytes.indices.reversed() where bytes[index] == 0x0a {
                if isLast, start + Int64(index) + 1 == Int64(info.st_size) {
                    isLast = false
                    continue
                }
                isLast = false
                seen += 1
                if seen == lines { return (start + Int64(index) + 1, seen) }
            }
            end = start
        }
        return (0, seen + 1)
    }
}
