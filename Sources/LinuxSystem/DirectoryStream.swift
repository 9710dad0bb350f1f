import CLinux
import Errors
import Glibc

/// The names of a directory one after the other: however many they are, one buffer of memory.
public struct DirectoryStream {
    private let directory: Directory
    private var buffer: [UInt8] = []
    private var at = 0
    private var end = 0
    /// After the name given last: where to go on from, also with another descriptor of the directory.
    public private(set) var position: Int64

    public init(_ directory: Directory, from position: Int64 = 0) throws(SwiftletError) {
        self.directory = directory
        self.position = position
        try check(lseek(directory.raw, Int(position), SEEK_SET), "lseek", "directory")
    }

    /// All but `.` and `..`, in the directory's own order; nil at the end.
    public mutating func next() throws(SwiftletError) -> FileName? {
        while true {
            if at >= end, try !fill() { return nil }
            // struct linux_dirent64: inode 8, offset 8, length 2, type 1, name.
            let length = Int(buffer[at + 16]) | Int(buffer[at + 17]) << 8
            guard length > 19, at + length <= end else {
                throw SwiftletError(.dataLoss, "gave an entry that cannot be", operation: "getdents64")
            }
            position = (0..<8).reduce(0) { $0 | Int64(buffer[at + 8 + $1]) << (8 * $1) }
            let name = FileName(buffer[(at + 19)..<(at + length)])
            at += length
            if name != ".", name != ".." { return name }
        }
    }

    private mutating func fill() throws(SwiftletError) -> Bool {
        if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: 32768) }
        let raw = directory.raw
        (at, end) = (0, 0)
        do throws(SwiftletError) {
            end = try retrying("getdents64") { swl_getdents(raw, &buffer, buffer.count) }
        } catch {
            // The directory was removed.
            guard error.errno == ENOENT else { throw error }
        }
        return end > 0
    }
}

extension Directory {
    /// The directory this one is in now.
    public func parent() throws(SwiftletError) -> Directory { try openDirectory("..") }
}
