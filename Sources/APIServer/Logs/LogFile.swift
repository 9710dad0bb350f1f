import Errors
import Glibc
import LinuxSystem

/// An open log file. Every method may block: not for the cooperative pool.
final class LogFile: Sendable {
    private let file: OwnedDescriptor
    let inode: UInt64

    private var descriptor: Int32 { file.raw }
    static let chunk = 64 << 10
    /// The folders of a pod and of its container, and the file.
    private static let ownParts = 3

    /// Throws `notFound` when there is none (yet).
    ///
    /// A pod that has the folder of all logs as a volume may put into its own what it likes: links lead nowhere, and a pipe
    /// is not waited for.
    init(_ path: String) throws {
        let parts = pathComponents(path)
        do throws(SwiftletError) {
            let logs = try openDirectory("/" + parts.dropLast(Self.ownParts).joined(separator: "/"))
            let own = parts.suffix(Self.ownParts).joined(separator: "/")
            file = try open(at: logs.raw, own, O_RDONLY | O_NONBLOCK | O_NOCTTY, [.beneath, .noSymlinks])
            let info = try status(file.raw)
            guard info.isRegularFile else { throw SwiftletError(.internal, "it is no regular file") }
            inode = UInt64(info.st_ino)
        } catch {
            let code: SwiftletError.Code = error.errno == ENOENT ? .notFound : .internal
            throw SwiftletError(
                code, error.reason, operation: "open", object: "log \(printable(path))", errno: error.errno)
        }
    }

    /// The inode at a path now; nil when nothing is there.
    static func inode(at path: String) -> UInt64? {
        var info = stat()
        return lstat(path, &info) == 0 ? UInt64(info.st_ino) : nil
    }

    /// Up to a chunk at an offset; empty at the end of what is there.
    func read(at offset: Int64) throws -> [UInt8] { try read(at: offset, count: Self.chunk) }

    private func read(at offset: Int64, count: Int) throws -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            var got = -1
            repeat { got = pread(descriptor, buffer.baseAddress, count, off_t(offset)) } while got < 0 && errno == EINTR
            if got < 0 { failure = errno }
            used = max(got, 0)
        }
        guard failure == 0 else {
            throw SwiftletError(
                .internal, String(cString: strerror(failure)), operation: "read", object: "log", errno: failure)
        }
        return bytes
    }

    /// Where the last `lines` lines begin, found from the end.
    func offset(ofLast lines: Int64) throws -> Int64 {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { return 0 }
        var end = Int64(info.st_size)
        guard lines > 0 else { return end }
        var seen: Int64 = 0
        var isLast = true
        while end > 0 {
            let start = max(0, end - Int64(Self.chunk))
            let bytes = try read(at: start, count: Int(end - start))
            for index in bytes.indices.reversed() where bytes[index] == 0x0a {
                // The break that ends the file ends the last line, and begins none.
                if isLast, start + Int64(index) + 1 == Int64(info.st_size) {
                    isLast = false
                    continue
                }
                seen += 1
                if seen == lines { return start + Int64(index) + 1 }
            }
            end = start
        }
        return 0
    }
}
