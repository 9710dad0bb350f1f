import Errors
import Glibc
import LinuxSystem

/// The exit record of a container on disk: `<record directory>/exit`, complete or not there.
public enum ExitFile {
    private static let name = "exit"
    /// Tells the format and its version.
    private static let magic: [UInt8] = Array("swlexit1".utf8)

    public static func write(_ record: ExitRecord, recordDirectory: String) throws(SwiftletError) {
        let directory = try openDirectory(recordDirectory)
        let temporary = ".\(name).new"
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW
        let file = try open(at: directory.raw, temporary, flags, mode: 0o600, .beneath)
        try (magic + record.encoded).withBytes { (bytes) throws(SwiftletError) in
            try writeAll(file.raw, bytes, name: recordDirectory)
        }
        try check(fsync(file.raw), "fsync", recordDirectory)
        try check(renameat(directory.raw, temporary, directory.raw, name), "rename", recordDirectory)
    }

    /// nil: the container has not ended, or its shim was killed first. A damaged record is `.dataLoss`.
    public static func read(recordDirectory: String) throws(SwiftletError) -> ExitRecord? {
        let bytes: [UInt8]
        do {
            let directory = try openDirectory(recordDirectory)
            let file = try open(at: directory.raw, name, O_RDONLY | O_NOFOLLOW, .beneath)
            bytes = try readAll(file.raw, name: recordDirectory)
        } catch {
            if error.errno == ENOENT { return nil }
            throw error
        }
        guard bytes.starts(with: magic), let record = try? ExitRecord(decoding: Array(bytes.dropFirst(magic.count)))
        else {
            throw SwiftletError(
                .dataLoss, "not an exit record", operation: "read", object: "\(recordDirectory)/\(name)")
        }
        return record
    }
}
