import Errors
import Glibc
import LinuxSystem

/// What planning has to know of the host's files. Tests bring their own.
protocol HostView: Sendable {
    /// What `path` is, symlinks followed; nil when there is nothing.
    func kind(_ path: String) throws(SwiftletError) -> HostFile?
    /// Propagation of the mount that holds `path`.
    func propagation(_ path: String) throws(SwiftletError) -> HostPropagation
    /// Every device node of the host's /dev, without terminals of sessions.
    func devices() throws(SwiftletError) -> [HostDevice]
}

enum HostFile: Sendable, Equatable {
    case directory, file, socket, pipe
    case character(major: UInt32, minor: UInt32, mode: UInt32, user: UInt32, group: UInt32)
    case block(major: UInt32, minor: UInt32, mode: UInt32, user: UInt32, group: UInt32)
}

struct HostDevice: Sendable, Equatable {
    var path: String
    var file: HostFile
}

enum HostPropagation: Sendable, Equatable { case none, slave, shared }

/// The host as it is.
struct Host: HostView {
    func kind(_ path: String) throws(SwiftletError) -> HostFile? {
        var info = stat()
        guard stat(path, &info) == 0 else {
            let error = errno
            if error == ENOENT || error == ENOTDIR { return nil }
            throw systemError(error, "stat", path)
        }
        return Host.kind(info)
    }

    private static func kind(_ info: stat) -> HostFile {
        let number = UInt64(info.st_rdev)
        // makedev(3), glibc's layout of dev_t.
        let major = UInt32(truncatingIfNeeded: (number >> 8) & 0xfff | (number >> 32) & 0xffff_f000)
        let minor = UInt32(truncatingIfNeeded: number & 0xff | (number >> 12) & 0xffff_ff00)
        let mode = UInt32(info.st_mode & 0o7777)
        return switch info.st_mode & S_IFMT {
        case S_IFDIR: .directory
        case S_IFSOCK: .socket
        case S_IFIFO: .pipe
        case S_IFCHR: .character(major: major, minor: minor, mode: mode, user: info.st_uid, group: info.st_gid)
        case S_IFBLK: .block(major: major, minor: minor, mode: mode, user: info.st_uid, group: info.st_gid)
        default: .file
        }
    }

    func propagation(_ path: String) throws(SwiftletError) -> HostPropagation {
        guard let real = realpath(path, nil) else { throw systemError(errno, "resolve", path) }
        defer { free(real) }
        let text = String(decoding: try Files.read("/proc/self/mountinfo", limit: 16 << 20), as: UTF8.self)
        return MountInfo.propagation(of: String(cString: real), in: text)
    }

    func devices() throws(SwiftletError) -> [HostDevice] {
        var found: [HostDevice] = []
        try Host.collect("/dev", into: &found)
        return found
    }

    private static func collect(_ directory: String, into found: inout [HostDevice]) throws(SwiftletError) {
        let handle = try openFile(directory, O_RDONLY | O_DIRECTORY)
        for name in try directoryEntries(handle.raw).sorted() {
            let path = "\(directory)/\(name)"
            var info = stat()
            guard lstat(path, &info) == 0 else { continue }
            switch kind(info) {
            case .directory:
                if !["/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/fd"].contains(path) {
                    try collect(path, into: &found)
                }
            case .character, .block:
                if path != "/dev/console" { found.append(HostDevice(path: path, file: kind(info))) }
            default: break
            }
        }
    }
}

/// proc_pid_mountinfo(5).
enum MountInfo {
    /// Of the last mounted mount whose mount point holds `path`.
    static func propagation(of path: String, in text: String) -> HostPropagation {
        var best = ""
        var propagation = HostPropagation.none
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 6 else { continue }
            let point = unescaped(fields[4])
            guard path == point || point == "/" || path.hasPrefix(point + "/"), point.utf8.count >= best.utf8.count
            else { continue }
            best = point
            let options = fields[6...].prefix { $0 != "-" }
            propagation =
                options.contains { $0.hasPrefix("shared:") }
                ? .shared : options.contains { $0.hasPrefix("master:") } ? .slave : .none
        }
        return propagation
    }

    /// The mount points below `directory`, deepest last mounted first.
    static func points(below directory: String, in text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", maxSplits: 5)
            guard fields.count > 5 else { return nil }
            let point = unescaped(fields[4])
            return point.hasPrefix(directory + "/") ? point : nil
        }.reversed()
    }

    /// Space, tab, newline and backslash are written as three octal digits.
    private static func unescaped(_ text: Substring) -> String {
        guard text.utf8.contains(UInt8(ascii: "\\")) else { return String(text) }
        var out: [UInt8] = []
        var bytes = Array(text.utf8)[...]
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: "\\"), bytes.count >= 3,
                let value = UInt8(String(decoding: bytes.prefix(3), as: UTF8.self), radix: 8)
            {
                out.append(value)
                bytes = bytes.dropFirst(3)
            } else {
                out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
