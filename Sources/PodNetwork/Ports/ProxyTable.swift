import Errors
import Glibc
import LinuxSystem
import Logging

/// The sockets of the loopback proxies and what passes between them. One buffer's worth of a stream is under way at a time,
/// and what cannot be written waits for its reader: nothing piles up.
struct ProxyTable: ~Copyable, Sendable {
    struct Endpoint {
        var owner: String
        var isStream: Bool
        var target: IPAddress
        var port: UInt16
    }

    /// One side of a stream, or of an exchange of datagrams.
    private struct Side {
        var owner: String
        /// The descriptor it passes to; nil for a datagram socket, which answers to its client.
        var other: Int32?
        /// Read, and not yet taken by the other.
        var pending: [UInt8] = []
        var inputEnded = false
        var isConnecting = false
        /// For datagrams: whose they are, and through which socket they came.
        var client: IPSocket.Peer?
        var listener: Int32 = -1
        var lastUsed: Int64 = 0
    }

    /// Of all ports together: beyond it new connections are closed, new clients' datagrams dropped.
    private static let limit = 1024
    private static let datagramIdle: Int64 = 60_000_000_000
    /// Its epoll token is no descriptor.
    private static let wakeToken = UInt64.max

    private let poll: EventPoll
    private let logger: Logger
    private var listeners: [Int32: Endpoint] = [:]
    private var sides: [Int32: Side] = [:]
    private var clients: [IPSocket.Peer: [Int32: Int32]] = [:]
    private var buffer = [UInt8](repeating: 0, count: 65536)

    init(wakeUp: Int32, logger: Logger) throws(SwiftletError) {
        let poll = try EventPoll()
        try poll.add(wakeUp, .input, token: ProxyTable.wakeToken)
        self.poll = poll
        self.logger = logger
    }

    mutating func add(listener: Int32, _ endpoint: Endpoint) {
        guard watch(listener, .input) else { return }
        listeners[listener] = endpoint
    }

    mutating func close(owner: String) {
        for (socket, endpoint) in listeners where endpoint.owner == owner {
            listeners[socket] = nil
            Glibc.close(socket)
        }
        for socket in sides.filter({ $0.value.owner == owner }).keys { end(socket) }
    }

    mutating func closeAll() {
        for socket in listeners.keys { Glibc.close(socket) }
        listeners = [:]
        for socket in Array(sides.keys) { end(socket) }
    }

    /// Waits for something to do, and does it.
    mutating func step() {
        let events: [EventPoll.Event]
        do { events = try poll.wait(timeoutMilliseconds: clients.isEmpty ? nil : 5000) } catch {
            logger.error("host ports on loopback are not served", metadata: ["error": "\(error)"])
            // Not so fast that it fills the log.
            sleep(1)
            return
        }
        for event in events where event.token != ProxyTable.wakeToken {
            let socket = Int32(truncatingIfNeeded: event.token)
            if let endpoint = listeners[socket] {
                if endpoint.isStream { accept(socket, endpoint) } else { receive(socket, endpoint) }
            } else if let side = sides[socket] {
                if side.client != nil { answer(socket) } else { passOn(socket, event.ready) }
            }
        }
        if !clients.isEmpty { expire() }
    }

    private func watch(_ socket: Int32, _ interest: EventPoll.Interest) -> Bool {
        do {
            try poll.add(socket, interest, token: UInt64(UInt32(bitPattern: socket)))
            return true
        } catch {
            logger.warning("a connection to a host port is dropped", metadata: ["error": "\(error)"])
            Glibc.close(socket)
            return false
        }
    }

    private mutating func end(_ socket: Int32) {
        guard let side = sides.removeValue(forKey: socket) else { return }
        Glibc.close(socket)
        if let client = side.client {
            clients[client]?[side.listener] = nil
            if clients[client]?.isEmpty == true { clients[client] = nil }
        }
        if let other = side.other { end(other) }
    }

    // Streams

    private mutating func accept(_ listener: Int32, _ endpoint: Endpoint) {
        guard let client = IPSocket.accept(listener) else { return }
        guard sides.count + 2 <= ProxyTable.limit, let server = connect(endpoint) else {
            Glibc.close(client)
            return
        }
        // The client waits until there is somebody to pass its words to.
        guard watch(server, .output) else {
            Glibc.close(client)
            return
        }
        guard watch(client, []) else {
            Glibc.close(server)
            return
        }
        sides[client] = Side(owner: endpoint.owner, other: server)
        sides[server] = Side(owner: endpoint.owner, other: client, isConnecting: true)
    }

    private func connect(_ endpoint: Endpoint) -> Int32? {
        do {
            return try IPSocket.connecting(isStream: endpoint.isStream, endpoint.target, endpoint.port).release()
        } catch {
            logger.debug("a pod does not answer on its port", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private mutating func passOn(_ socket: Int32, _ ready: EventPoll.Interest) {
        guard let side = sides[socket], let other = side.other else { return }
        if side.isConnecting {
            guard IPSocket.pendingError(socket) == 0 else { return end(socket) }
            sides[socket]?.isConnecting = false
            guard flush(from: other, to: socket) else { return end(socket) }
        } else if side.inputEnded, ready.contains(.hangUp) || ready.contains(.error) {
            // Closed both ways: nothing reaches it any more.
            return end(socket)
        } else if ready.contains(.output) {
            // What the other side read and this one did not take.
            guard flush(from: other, to: socket) else { return end(socket) }
        } else if !read(socket, to: other) {
            return end(socket)
        }
        if finished(socket, other) { return end(socket) }
        arm(socket, other)
        arm(other, socket)
    }

    /// False when the connection broke.
    private mutating func read(_ socket: Int32, to other: Int32) -> Bool {
        guard let side = sides[socket], side.pending.isEmpty, !side.inputEnded else { return true }
        let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count < 0 { return lastError() == EAGAIN || lastError() == EINTR }
        if count == 0 { sides[socket]?.inputEnded = true } else { sides[socket]?.pending = Array(buffer[..<count]) }
        return flush(from: socket, to: other)
    }

    private mutating func flush(from socket: Int32, to other: Int32) -> Bool {
        guard let side = sides[socket] else { return false }
        if !side.pending.isEmpty {
            let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
            let count = side.pending.withUnsafeBytes { send(other, $0.baseAddress, $0.count, flags) }
            if count < 0 { return lastError() == EAGAIN || lastError() == EINTR }
            sides[socket]?.pending.removeFirst(count)
        }
        if side.inputEnded, sides[socket]?.pending.isEmpty == true { _ = shutdown(other, Int32(SHUT_WR)) }
        return true
    }

    private func finished(_ one: Int32, _ other: Int32) -> Bool {
        guard let one = sides[one], let other = sides[other] else { return true }
        return one.inputEnded && other.inputEnded && one.pending.isEmpty && other.pending.isEmpty
    }

    /// Asks for input while there is room for it, and for output while something waits.
    private mutating func arm(_ socket: Int32, _ other: Int32) {
        guard let side = sides[socket], let opposite = sides[other] else { return }
        var interest: EventPoll.Interest = []
        if side.isConnecting || !opposite.pending.isEmpty { interest.insert(.output) }
        if side.pending.isEmpty, !side.inputEnded, !side.isConnecting, !opposite.isConnecting {
            interest.insert(.input)
        }
        do { try poll.change(socket, interest, token: UInt64(UInt32(bitPattern: socket))) } catch { end(socket) }
    }

    // Datagrams

    private mutating func receive(_ listener: Int32, _ endpoint: Endpoint) {
        // Others get their turn too.
        for _ in 0..<64 {
            guard let (client, count) = IPSocket.receive(listener, &buffer) else { return }
            guard let server = clients[client]?[listener] ?? open(client, listener, endpoint) else { continue }
            sides[server]?.lastUsed = monotonicNanoseconds()
            // Like any datagram it may get lost.
            _ = buffer.withUnsafeBytes { send(server, $0.baseAddress, count, Int32(MSG_DONTWAIT)) }
        }
    }

    /// A client's own socket to the pod, so that answers find back.
    private mutating func open(_ client: IPSocket.Peer, _ listener: Int32, _ endpoint: Endpoint) -> Int32? {
        guard sides.count < ProxyTable.limit, let server = connect(endpoint), watch(server, .input) else { return nil }
        sides[server] = Side(owner: endpoint.owner, client: client, listener: listener)
        clients[client, default: [:]][listener] = server
        return server
    }

    private mutating func answer(_ socket: Int32) {
        for _ in 0..<64 {
            guard let side = sides[socket], let client = side.client else { return }
            let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            // A refusal by the pod is no end: it may be starting.
            if count < 0 { return }
            sides[socket]?.lastUsed = monotonicNanoseconds()
            IPSocket.send(side.listener, buffer[..<count], to: client)
        }
    }

    private mutating func expire() {
        let now = monotonicNanoseconds()
        let old = sides.filter { $0.value.client != nil && now - $0.value.lastUsed > ProxyTable.datagramIdle }
        for socket in old.keys { end(socket) }
    }
}
