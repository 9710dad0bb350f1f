import CLinux
import Errors
import Glibc

extension OwnedDescriptor {
    /// Writes all of it.
    public borrowing func writeAll(_ bytes: UnsafeRawBufferPointer) throws(SwiftletError) {
        var rest = bytes
        while let base = rest.baseAddress, rest.count > 0 {
            let count = try retrying("write") { write(raw, base, rest.count) }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
    }

    public borrowing func writeAll(_ bytes: [UInt8]) throws(SwiftletError) {
        var written = 0
        while written < bytes.count {
            let offset = written
            let count = try retrying("write") {
                bytes.withUnsafeBytes { write(raw, $0.baseAddress?.advanced(by: offset), bytes.count - offset) }
            }
            written += count
        }
    }

    /// Fills `buffer` as far as the file goes; less than all of it only at the end.
    public borrowing func read(into buffer: inout [UInt8]) throws(SwiftletError) -> Int {
        var filled = 0
        while filled < buffer.count {
            let offset = filled
            let count = try retrying("read") {
                buffer.withUnsafeMutableBytes { Glibc.read(raw, $0.baseAddress.map { $0 + offset }, $0.count - offset) }
            }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    /// Everything up to the end of the file; `resourceExhausted` when it is more than `limit` bytes.
    public borrowing func readAll(limit: Int, _ object: @autoclosure () -> String = "") throws(SwiftletError) -> [UInt8]
    {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = try retrying("read", object()) { Glibc.read(raw, &buffer, buffer.count) }
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else {
                throw SwiftletError(
                    .resourceExhausted, "is larger than \(limit) bytes", operation: "read", object: printable(object()))
            }
            bytes += buffer[..<count]
        }
    }

    public borrowing func sync() throws(SwiftletError) { try retrying("fsync") { fsync(raw) } }

    /// Flushes the whole file system it is on.
    public borrowing func syncFileSystem() throws(SwiftletError) { try check(swl_syncfs(raw), "syncfs") }

    /// Takes the file's advisory lock (flock(2)), which goes when the last descriptor of this open file closes. False
    /// when another has it.
    public borrowing func tryLock() throws(SwiftletError) -> Bool {
        if swl_lock_exclusive(raw) == 0 { return true }
        guard swl_errno() == EWOULDBLOCK else { throw systemError(swl_errno(), "flock") }
        return false
    }
}
