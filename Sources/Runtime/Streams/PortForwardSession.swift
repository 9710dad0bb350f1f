import Errors
import Glibc
import LinuxSystem
import Streaming

/// One TCP connection to a port of a pod, joined with a client (CRI's PortForward; the frames are Kubernetes' port forwarding
/// over WebSocket, one port a connection). Data goes over channel 0 and what went wrong over channel 1; each begins with the
/// port, 16 bits little-endian.
struct PortForwardSession: Sendable {
    /// `namespace/pod`, safe to print.
    let pod: String
    let shim: @Sendable () throws(SwiftletError) -> ProcessHandle
    let port: UInt16
    let context: RuntimeContext
    let readiness: Readiness

    private static let data = StreamChannel.stdin
    private static let faults = StreamChannel.stdout

    /// To the end of the connection.
    func serve(_ connection: StreamConnection) async {
        let task = Task { try await forward(connection) }
        connection.onClose { task.cancel() }
        do { try await task.value } catch {
            let text = "error forwarding port \(port) to pod \(pod): \(SwiftletError.wrapping(error).message)"
            // A client that is gone needs no word.
            try? await connection.send(.data(Self.faults, Array(text.utf8)))
        }
        await connection.close()
    }

    private func forward(_ connection: StreamConnection) async throws {
        let head = [UInt8(truncatingIfNeeded: port), UInt8(truncatingIfNeeded: port >> 8)]
        for channel in [Self.data, Self.faults] { try await connection.send(.data(channel, head)) }
        let stream = try await connect()
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await receive(connection, stream) }
                group.addTask {
                    while let bytes = try await stream.read() { try await connection.send(.data(Self.data, bytes)) }
                    // Before v5 there is no word for half an end.
                    guard connection.protocol.canHalfClose else { throw CancellationError() }
                    try await connection.send(.close(Self.data))
                }
                do { try await group.waitForAll() } catch is CancellationError { group.cancelAll() }
            }
        } onCancel: {
            stream.finish()
        }
    }

    /// What the client sends, until it ends its side; then the pod's process sees that end.
    private func receive(_ connection: StreamConnection, _ stream: StreamDescriptor) async throws {
        for try await message in connection.messages {
            switch message {
            case .data(Self.data, let bytes):
                guard try await stream.write(bytes) else { return }
            case .close(Self.data):
                stream.endWriting()
                return
            case .data, .close: continue
            }
        }
        throw CancellationError()
    }

    /// A socket made in the pod's network namespace belongs to it wherever it is used.
    private func connect() async throws -> StreamDescriptor {
        let stream = try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Int32, any Error>) in
            let (shim, port) = (shim, port)
            do throws(SwiftletError) {
                // The thread ends with the call: no other work may meet it in the pod's namespace.
                try DedicatedThread.start("port-forward") {
                    continuation.resume(
                        with: Result { () throws(SwiftletError) in
                            try Namespaces.network.enter(of: try shim())
                            return try Self.connect(port)
                        }.mapError { $0 as any Error })
                }
            } catch { continuation.resume(throwing: error) }
        }
        return try StreamDescriptor(OwnedDescriptor(owning: stream), readiness)
    }

    /// As kubelets do: localhost, IPv4 first.
    private static func connect(_ port: UInt16) throws(SwiftletError) -> Int32 {
        do throws(SwiftletError) { return try TCPSocket.connect(loopback: .ipv4, port) } catch {
            if let socket = try? TCPSocket.connect(loopback: .ipv6, port) { return socket }
            throw error
        }
    }
}

/// TCP to this host's own loopback.
enum TCPSocket {
    enum Family { case ipv4, ipv6 }

    /// A connected socket, the caller's to close. Errors: `unavailable` when nobody listens.
    static func connect(loopback family: Family, _ port: UInt16) throws(SwiftletError) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let domain = family == .ipv4 ? AF_INET : AF_INET6
        let socket = OwnedDescriptor(owning: try check(Glibc.socket(domain, kind, 0), "socket"))
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(socket.raw, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let result =
            switch family {
            case .ipv4:
                connect(
                    socket.raw,
                    sockaddr_in(
                        sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian,
                        sin_addr: in_addr(s_addr: UInt32(0x7f00_0001).bigEndian), sin_zero: (0, 0, 0, 0, 0, 0, 0, 0)))
            case .ipv6:
                connect(
                    socket.raw,
                    sockaddr_in6(
                        sin6_family: sa_family_t(AF_INET6), sin6_port: port.bigEndian, sin6_flowinfo: 0,
                        sin6_addr: in6addr_loopback, sin6_scope_id: 0))
            }
        guard result == 0 else {
            throw SwiftletError(
                .unavailable, "failed to connect to localhost:\(port): \(String(cString: strerror(errno)))",
                errno: errno)
        }
        return socket.release()
    }

    private static func connect<Address>(_ socket: Int32, _ address: Address) -> Int32 {
        var address = address
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }
}
