import Errors
import Glibc
import LinuxSystem

/// Small files of the runtime's own directories.
enum Files {
    static func read(_ path: String, limit: Int = 1 << 20) throws(SwiftletError) -> [UInt8] {
        let file = try openFile(path, O_RDONLY)
        return try readAll(file.raw, limit: limit, name: path)
    }

    /// nil when there is none.
    static func readIfPresent(_ path: String, limit: Int = 1 << 20) throws(SwiftletError) -> [UInt8]? {
        do { return try read(path, limit: limit) } catch  where error.errno == ENOENT { return nil }
    }

    /// Written under another name and renamed, so that a reader finds the old or the new one whole. Not synced: what
    /// lies in the run directory describes processes of this boot and is worthless after the next.
    static func replace(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o600) throws(SwiftletError) {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)
        let file = OwnedDescriptor(owning: try check(descriptor, "create", temporary))
        let failure: SwiftletError? = bytes.withUnsafeBytes { bytes in
            do throws(SwiftletError) { try writeAll(file.raw, bytes, name: temporary) } catch { return error }
            return nil
        }
        if let failure { throw failure }
        try check(rename(temporary, path), "rename", temporary)
    }

    static func replace(_ path: String, _ text: String, mode: mode_t = 0o600) throws(SwiftletError) {
        try replace(path, Array(text.utf8), mode: mode)
    }

    /// One that exists is fine.
    static func makeDirectory(_ path: String, mode: mode_t = 0o700) throws(SwiftletError) {
        if mkdir(path, mode) != 0, errno != EEXIST { throw systemError(errno, "make directory", path) }
    }

    /// With the parents that are missing.
    static func makeDirectories(_ path: String, mode: mode_t = 0o755) throws(SwiftletError) {
        if access(path, F_OK) == 0 { return }
        var made = ""
        for part in path.split(separator: "/") {
            made += "/\(part)"
            try makeDirectory(made, mode: mode)
        }
    }

    /// The names in a directory, sorted; none when it does not exist.
    static func names(_ path: String) throws(SwiftletError) -> [String] {
        do {
            let directory = try openFile(path, O_RDONLY | O_DIRECTORY)
            return try directoryEntries(directory.raw).sorted()
        } catch  where error.errno == ENOENT { return [] }
    }

    /// A tree with all below it; a missing one is fine.
    static func removeTree(_ parent: String, _ name: String) throws(SwiftletError) {
        let directory = try openDirectory(parent)
        do { try LinuxSystem.removeTree(at: directory.raw, name) } catch  where error.errno == ENOENT { return }
    }
}
