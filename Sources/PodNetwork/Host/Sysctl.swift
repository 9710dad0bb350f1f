import Errors
import Glibc
import LinuxSystem

/// Settings below /proc/sys/net, of the network namespace of the calling thread (sysctl(8)).
enum Sysctl {
    private static func path(_ name: String) -> String { "/proc/sys/net/\(name)" }

    /// nil when the kernel has no such setting.
    static func read(_ name: String) throws(SwiftletError) -> String? {
        do {
            let file = try openFile(path(name), O_RDONLY)
            let text = String(decoding: try readAll(file.raw, name: name), as: UTF8.self)
            return String(text.prefix { $0 != "\n" })
        } catch  where error.errno == ENOENT { return nil }
    }

    static func write(_ name: String, _ value: String) throws(SwiftletError) {
        let file = try openFile(path(name), O_WRONLY)
        try file.writeAll(Array(value.utf8))
    }

    /// Writes where it reads otherwise: a read-only /proc/sys that says the right thing is fine. True when it was changed.
    @discardableResult
    static func ensure(_ name: String, _ value: String) throws(SwiftletError) -> Bool {
        if try read(name) == value { return false }
        try write(name, value)
        return true
    }

    /// The names in a directory of settings; none where there is no such directory.
    static func names(_ directory: String) throws(SwiftletError) -> [String] {
        do {
            let folder = try openFile(path(directory), O_RDONLY | O_DIRECTORY)
            return try directoryEntries(folder.raw)
        } catch  where error.errno == ENOENT { return [] }
    }
}
