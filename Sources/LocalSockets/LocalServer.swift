import Errors
import Glibc
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Listens on a Unix socket for trusted peers: mode 0600, peers of other users turned away, connections counted and
/// bounded, all descriptors close-on-exec.
public final class LocalServer: Sendable {
    public struct Limits: Sendable {
        /// Connections open at once; more are turned away.
        public var connections: Int
        /// Users whose processes may connect.
        public var users: Set<UInt32>

        public init(connections: Int = 1024, users: Set<UInt32> = [0, geteuid()]) {
            self.connections = connections
            self.users = users
        }
    }

    public let path: String
    private let listener: any Channel
    private let open: ConnectionSet
    private let file: (device: UInt, inode: UInt)

    /// Binds `path` and accepts. `accept` builds a connection's pipeline, on its event loop. `refusal` makes the bytes a
    /// peer gets before it is turned away.
    public static func start(
        at path: String, limits: Limits = Limits(), group: any EventLoopGroup, logger: Logger,
        refusal: @escaping @Sendable (SwiftletError) -> [UInt8] = { _ in [] },
        accept: @escaping @Sendable (any Channel, PeerCredentials) throws -> Void
    ) async throws -> LocalServer {
        let descriptor = try await blocking { try LocalSocket.listen(at: path, backlog: 128).take() }
        var info = stat()
        lstat(path, &info)
        let open = ConnectionSet()
        let listener = try await ServerBootstrap(group: group)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 256 << 10))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    do {
                        let peer = try admit(channel, limits, open)
                        try accept(channel, peer)
                    } catch {
                        let error = SwiftletError.wrapping(error)
                        logger.warning("connection turned away", metadata: ["socket": "\(path)", "reason": "\(error)"])
                        turnAway(channel, refusal(error))
                    }
                }
            }
            .withBoundSocket(descriptor).get()
        return LocalServer(
            path: path, listener: listener, open: open, file: (UInt(info.st_dev), UInt(info.st_ino)))
    }

    private init(path: String, listener: any Channel, open: ConnectionSet, file: (UInt, UInt)) {
        self.path = path
        self.listener = listener
        self.open = open
        self.file = file
    }

    private static func admit(
        _ channel: any Channel, _ limits: Limits, _ open: ConnectionSet
    ) throws -> PeerCredentials {
        let peer = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable {
            (descriptor: NIOBSDSocket.Handle) throws -> PeerCredentials in
            guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else { throw SwiftletError.socket("mark", "") }
            return try PeerCredentials.of(descriptor)
        }
        guard let peer else { throw SwiftletError(.internal, "the connection does not show its descriptor") }
        guard limits.users.contains(peer.uid) else {
            throw SwiftletError(
                .permissionDenied, "user \(peer.uid) (process \(peer.pid)) may not use this socket",
                hint: "run the command as root")
        }
        guard open.insert(channel, limit: limits.connections) else {
            throw SwiftletError(
                .resourceExhausted, "\(limits.connections) connections are open already",
                hint: "close some and try again")
        }
        return peer
    }

    private static func turnAway(_ channel: any Channel, _ bytes: [UInt8]) {
        // The write must wait until the channel is active, which it is not yet in its initializer.
        channel.eventLoop.execute {
            channel.writeAndFlush(channel.allocator.buffer(bytes: bytes)).whenComplete { _ in
                channel.close(promise: nil)
            }
        }
    }

    /// Stops accepting and removes the socket file. Connections go on.
    public func stopAccepting() async {
        var info = stat()
        // Not when another daemon has put its own there meanwhile.
        if lstat(path, &info) == 0, UInt(info.st_dev) == file.device, UInt(info.st_ino) == file.inode { unlink(path) }
        // Closing fails only when it is closed already.
        try? await listener.close()
    }

    /// Closes every connection, after `stopAccepting`.
    public func closeConnections() async {
        for channel in open.all { channel.close(promise: nil) }
        await open.waitUntilEmpty()
    }

    /// How many connections are open.
    public var connectionCount: Int { open.count }
}

/// The connections of one server.
private final class ConnectionSet: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func insert(_ channel: any Channel, limit: Int) -> Bool {
        let key = ObjectIdentifier(channel)
        let fits = state.withLock { state in
            guard state.channels.count < limit else { return false }
            state.channels[key] = channel
            return true
        }
        if fits { channel.closeFuture.whenComplete { _ in self.remove(key) } }
        return fits
    }

    private func remove(_ key: ObjectIdentifier) {
        let waiting = state.withLock { state in
            state.channels[key] = nil
            guard state.channels.isEmpty else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    var all: [any Channel] { state.withLock { Array($0.channels.values) } }
    var count: Int { state.withLock { $0.channels.count } }

    func waitUntilEmpty() async {
        await withCheckedContinuation { continuation in
            let empty = state.withLock { state in
                if !state.channels.isEmpty { state.waiting.append(continuation) }
                return state.channels.isEmpty
            }
            if empty { continuation.resume() }
        }
    }
}
