import Errors
import Glibc

/// Unix stream sockets by path, close-on-exec from birth. Everything here may block for a moment: not for event loops.
public enum LocalSocket {
    /// The longest path a socket may have, in bytes: `sun_path` without its zero byte (unix(7)).
    public static let maxPathLength = 107

    /// Binds and listens at `path`, mode 0600 from the first moment: the mode of the unbound socket is what bind(2) gives
    /// the file. A socket file nobody listens on any more is replaced; a live one, or another kind of file, is an error.
    static func listen(at path: String, backlog: Int32) throws(SwiftletError) -> SocketDescriptor {
        let descriptor = try make(path)
        // Two starters must not both find a dead socket and replace each other's new one.
        let lock = try lockFolder(of: path)
        defer { close(lock) }
        try removeDead(path)
        guard fchmod(descriptor.raw, 0o600) == 0 else { throw .socket("set the mode of", path) }
        guard try withAddress(path, { bind(descriptor.raw, $0, $1) }) == 0 else { throw .socket("bind", path) }
        guard Glibc.listen(descriptor.raw, backlog) == 0 else { throw .socket("listen on", path) }
        return descriptor
    }

    /// Connects, waiting at most `timeout` while the listener's queue is full.
    static func connect(to path: String, timeout: Duration) throws(SwiftletError) -> SocketDescriptor {
        let descriptor = try make(path)
        let parts = timeout.components
        // 0 would mean no limit (socket(7)).
        var limit = timeval(
            tv_sec: Int(parts.seconds), tv_usec: max(1, Int(parts.attoseconds / 1_000_000_000_000)))
        guard
            setsockopt(descriptor.raw, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size)) == 0
        else { throw .socket("set a time limit on", path) }
        while try withAddress(path, { Glibc.connect(descriptor.raw, $0, $1) }) != 0 {
            if errno != EINTR { throw .socket("connect to", path) }
        }
        return descriptor
    }

    private static func make(_ path: String) throws(SwiftletError) -> SocketDescriptor {
        guard !path.isEmpty, !path.utf8.contains(0), path.utf8.count <= maxPathLength else {
            throw .invalid(
                "a socket's path has 1 to \(maxPathLength) bytes, this one has \(path.utf8.count)",
                object: "socket \(printable(path))", hint: "choose a shorter run directory")
        }
        let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { throw .socket("make", path) }
        return SocketDescriptor(raw: raw)
    }

    private static func lockFolder(of path: String) throws(SwiftletError) -> Int32 {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .socket("open the folder of", path) }
        while flock(descriptor, LOCK_EX) != 0 {
            if errno == EINTR { continue }
            let error = SwiftletError.socket("lock the folder of", path)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func removeDead(_ path: String) throws(SwiftletError) {
        var info = stat()
        guard lstat(path, &info) == 0 else {
            if errno == ENOENT { return }
            throw .socket("look at", path)
        }
        guard info.st_mode & S_IFMT == S_IFSOCK else {
            throw SwiftletError(
                .alreadyExists, "the path is taken by something that is no socket", operation: "listen on",
                object: "socket \(printable(path))", hint: "move it away or choose another run directory")
        }
        let probe = try make(path)
        guard fcntl(probe.raw, F_SETFL, O_NONBLOCK) == 0 else { throw .socket("probe", path) }
        let connected = try withAddress(path, { Glibc.connect(probe.raw, $0, $1) })
        if connected == 0 || errno == EAGAIN || errno == EINPROGRESS {
            throw SwiftletError(
                .alreadyExists, "a live process listens there already", operation: "listen on",
                object: "socket \(printable(path))", hint: "stop the other daemon or choose another run directory")
        }
        guard errno == ECONNREFUSED || errno == ENOENT else { throw .socket("probe", path) }
        guard unlink(path) == 0 || errno == ENOENT else { throw .socket("remove the dead", path) }
    }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(SwiftletError) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}

/// Owns a socket; closed when it goes, unless taken.
struct SocketDescriptor: ~Copyable {
    let raw: Int32

    /// Hands the number to a new owner.
    consuming func take() -> Int32 {
        let raw = raw
        discard self
        return raw
    }

    deinit { close(raw) }
}

extension SwiftletError {
    static func socket(_ verb: String, _ path: String) -> SwiftletError {
        let number = Glibc.errno
        let code: Code =
            switch number {
            case ENOENT, ECONNREFUSED, EAGAIN: .unavailable
            case EACCES, EPERM: .permissionDenied
            case EADDRINUSE: .alreadyExists
            case EMFILE, ENFILE, ENOMEM: .resourceExhausted
            default: .internal
            }
        return SwiftletError(
            code, String(cString: strerror(number)), operation: verb, object: "socket \(printable(path))",
            errno: number)
    }
}
