import CLinux
import Errors
import Glibc

/// Unix sockets, close-on-exec. Paths longer than an address holds (107 bytes) work: they are reached through their
/// directory's descriptor.
public enum UnixSocket {
    /// A stream socket listening at `directory`/`name`, mode 0600 from the first moment. A stale one is replaced.
    public static func listen(directory: String, name: String, backlog: Int32 = 64) throws(SwiftletError)
        -> OwnedDescriptor
    {
        let path = "\(directory)/\(name)"
        let parent = try openDirectory(directory)
        let socket = try stream()
        let temporary = ".\(name).\(getpid())"
        let removed = unlinkat(parent.raw, temporary, 0)
        if removed < 0, swl_errno() != ENOENT { throw systemError(swl_errno(), "unlink", path) }
        try check(swl_bind_path(socket.raw, "/proc/self/fd/\(parent.raw)/\(temporary)"), "bind", path)
        // Nobody can connect before listen(2), so the mode is right in time.
        try check(fchmodat(parent.raw, temporary, 0o600, 0), "chmod", path)
        try check(Glibc.listen(socket.raw, backlog), "listen", path)
        try check(renameat(parent.raw, temporary, parent.raw, name), "rename", path)
        return socket
    }

    /// Connects to `directory`/`name`; `.unavailable` when nobody listens there, `.notFound` when there is none.
    public static func connect(directory: String, name: String) throws(SwiftletError) -> OwnedDescriptor {
        let parent = try openDirectory(directory)
        let socket = try stream()
        try retrying("connect", "\(directory)/\(name)") {
            swl_connect_path(socket.raw, "/proc/self/fd/\(parent.raw)/\(name)")
        }
        return socket
    }

    /// The user id of the process at the other end, as it was when it connected.
    public static func peerUser(_ socket: Int32) throws(SwiftletError) -> UInt32 {
        UInt32(truncatingIfNeeded: try check(swl_peer_user(socket), "getsockopt(SO_PEERCRED)"))
    }

    private static func stream() throws(SwiftletError) -> OwnedDescriptor {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        return OwnedDescriptor(owning: try check(socket(AF_UNIX, type, 0), "socket"))
    }
}

/// A connected pair of Unix sockets (socketpair(2)), close-on-exec.
@frozen
public struct SocketPair: ~Copyable, Sendable {
    public enum Kind: Sendable {
        /// A stream of bytes.
        case stream
        /// Messages with bounds, in order, with an end.
        case messages
    }

    public var first: OwnedDescriptor
    public var second: OwnedDescriptor

    public init(_ kind: Kind = .stream) throws(SwiftletError) {
        let type = kind == .stream ? SOCK_STREAM.rawValue : SOCK_SEQPACKET.rawValue
        var ends: [Int32] = [-1, -1]
        try check(socketpair(AF_UNIX, Int32(type) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends), "socketpair")
        first = OwnedDescriptor(owning: ends[0])
        second = OwnedDescriptor(owning: ends[1])
    }
}

/// What arrived on a Unix socket: how many bytes, and descriptors that came with them, now the caller's to close.
public struct SocketReceipt: Sendable {
    public var count: Int
    public var descriptors: [Int32]
}

/// recvmsg(2) into `buffer`; count 0 is the end. nil when nothing is there and the socket does not block.
public func receive(_ socket: Int32, into buffer: UnsafeMutableRawBufferPointer, flags: Int32 = 0)
    throws(SwiftletError) -> SocketReceipt?
{
    var numbers: (Int32, Int32, Int32, Int32, Int32, Int32, Int32, Int32) = (0, 0, 0, 0, 0, 0, 0, 0)
    var found: Int32 = 0
    while true {
        let count = withUnsafeMutableBytes(of: &numbers) { numbers in
            swl_receive(
                socket, buffer.baseAddress, buffer.count,
                numbers.baseAddress?.assumingMemoryBound(to: Int32.self), &found, flags)
        }
        if count < 0 {
            let error = swl_errno()
            if error == EINTR { continue }
            if error == EAGAIN { return nil }
            throw systemError(error, "recvmsg")
        }
        if found == 0 { return SocketReceipt(count: count, descriptors: []) }
        let descriptors = withUnsafeBytes(of: numbers) { bytes in
            (0..<Int(found)).map { bytes.load(fromByteOffset: $0 * 4, as: Int32.self) }
        }
        return SocketReceipt(count: count, descriptors: descriptors)
    }
}

/// sendmsg(2) without SIGPIPE; `descriptors` go with the first byte. Returns how many bytes went; nil when none fits and
/// the socket does not block.
public func send(_ socket: Int32, _ bytes: UnsafeRawBufferPointer, descriptors: [Int32] = [], flags: Int32 = 0)
    throws(SwiftletError) -> Int?
{
    while true {
        let count = swl_send(socket, bytes.baseAddress, bytes.count, descriptors, Int32(descriptors.count), flags)
        if count >= 0 { return count }
        let error = swl_errno()
        if error == EINTR { continue }
        if error == EAGAIN { return nil }
        throw systemError(error, "sendmsg")
    }
}

/// accept4(2), close-on-exec; nil when there is none, or whoever connected has gone already.
public func acceptConnection(_ listener: Int32) -> OwnedDescriptor? {
    let raw = swl_accept(listener)
    return raw < 0 ? nil : OwnedDescriptor(owning: raw)
}
