import CLinux
import Errors
import Glibc

/// TCP and UDP sockets that never wait (ip(7)), close-on-exec.
public enum IPSocket {
    /// Who sent a datagram.
    public struct Peer: Hashable, Sendable {
        public var address: IPAddress
        public var port: UInt16
    }

    /// Bound, and listening when it is a stream. An IPv6 one takes IPv6 only.
    public static func listening(isStream: Bool, _ address: IPAddress, _ port: UInt16) throws(SwiftletError)
        -> OwnedDescriptor
    {
        let object = "\(address) port \(port)"
        let socket = try open(isStream, address, object)
        if isStream { try set(socket.raw, SOL_SOCKET, SO_REUSEADDR, object) }
        if address.isIPv6 { try set(socket.raw, Int32(IPPROTO_IPV6), IPV6_V6ONLY, object) }
        try check(withAddress(address, port) { bind(socket.raw, $0, $1) }, "listen on", object)
        if isStream { try check(listen(socket.raw, 128), "listen on", object) }
        return socket
    }

    /// Connected, or on the way to it: it is writable when that ends.
    public static func connecting(isStream: Bool, _ address: IPAddress, _ port: UInt16) throws(SwiftletError)
        -> OwnedDescriptor
    {
        let object = "\(address) port \(port)"
        let socket = try open(isStream, address, object)
        let result = withAddress(address, port) { connect(socket.raw, $0, $1) }
        if result < 0, swl_errno() != EINPROGRESS { throw systemError(swl_errno(), "connect to", object) }
        return socket
    }

    private static func open(_ isStream: Bool, _ address: IPAddress, _ object: String) throws(SwiftletError)
        -> OwnedDescriptor
    {
        let type = Int32((isStream ? SOCK_STREAM : SOCK_DGRAM).rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let flags = type | Int32(SOCK_NONBLOCK.rawValue)
        return OwnedDescriptor(owning: try check(socket(address.family, flags, 0), "open socket for", object))
    }

    private static func set(_ socket: Int32, _ level: Int32, _ option: Int32, _ object: String) throws(SwiftletError) {
        var one: Int32 = 1
        try check(setsockopt(socket, level, option, &one, 4), "set socket option for", object)
    }

    private static func withAddress<Result>(
        _ address: IPAddress, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var storage = sockaddr_storage()
        let size = swl_ip_address(&storage, address.family, address.bytes, port)
        return withUnsafePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
        }
    }

    /// A new connection of a listening socket; nil when none waits. Its owner is the caller.
    public static func accept(_ listener: Int32) -> Int32? {
        let socket = swl_accept(listener)
        guard socket >= 0 else { return nil }
        _ = swl_fcntl(socket, F_SETFL, Int(O_NONBLOCK))
        return socket
    }

    /// What became of a connection that was on the way: 0, or an errno.
    public static func pendingError(_ socket: Int32) -> Int32 {
        var number: Int32 = 0
        var size = socklen_t(4)
        return getsockopt(socket, SOL_SOCKET, SO_ERROR, &number, &size) == 0 ? number : swl_errno()
    }

    /// The next datagram and its sender; nil when none waits.
    public static func receive(_ socket: Int32, _ buffer: inout [UInt8]) -> (peer: Peer, count: Int)? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let count = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT), $0, &size)
            }
        }
        guard count >= 0 else { return nil }
        // Both families have the port behind the family; the address lies behind it, or after IPv6's flow label.
        let bytes = withUnsafeBytes(of: &storage) { Array($0.prefix(32)) }
        let isIPv6 = Int32(storage.ss_family) == AF_INET6
        guard let address = IPAddress(bytes: isIPv6 ? bytes[8..<24] : bytes[4..<8]) else { return nil }
        return (Peer(address: address, port: UInt16(bytes[2]) << 8 | UInt16(bytes[3])), count)
    }

    /// A datagram; like any it may get lost.
    public static func send(_ socket: Int32, _ bytes: ArraySlice<UInt8>, to peer: Peer) {
        _ = withAddress(peer.address, peer.port) { address, size in
            bytes.withUnsafeBytes { sendto(socket, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT), address, size) }
        }
    }
}
