import APIClient
import Errors
import NIOCore
import Streaming

/// Joins local TCP connections with a pod's port, a WebSocket each.
struct PortTunnel: Sendable {
    typealias Local = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    let socketPath: String
    let namespace: String
    let pod: String

    /// Until the listener closes, which is when the command is interrupted.
    func serve(_ listener: NIOAsyncChannel<Local, Never>, _ remote: Int, local: Int) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            try await listener.executeThenClose { connections in
                for try await connection in connections {
                    try Console.line("Handling connection for \(local)")
                    group.addTask {
                        // A connection that breaks is told of and ends alone.
                        do { try await forward(connection, remote) } catch { Self.tell(error) }
                    }
                }
            }
        }
    }

    private static func tell(_ error: any Error) {
        Console.error("error: \(printable(SwiftletError.wrapping(error).description, limit: 1024))")
    }

    private func forward(_ local: Local, _ remote: Int) async throws {
        try await local.executeThenClose { inbound, outbound in
            let path = APIPath.core("pods", namespace: namespace, name: pod, subresource: "portforward")
            let target = StreamTarget(socketPath: socketPath, uri: "\(path)?ports=\(remote)")
            let connection = try await StreamClient.connect(to: target)
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    // A local side that broke is the end of it, as one that closed.
                    do {
                        for try await bytes in inbound {
                            try await connection.send(.data(.stdin, Array(bytes.readableBytesView)))
                        }
                        try await connection.send(.close(.stdin))
                    } catch { connection.abort() }
                }
                // The local side may have more to send, and nobody to send it to any more.
                defer {
                    connection.abort()
                    group.cancelAll()
                }
                // Told before the local side is closed, which may be what the person waits for.
                do { try await Self.receive(connection, outbound) } catch { Self.tell(error) }
            }
        }
    }

    /// Each channel begins with the port in two bytes.
    private static func receive(
        _ connection: StreamConnection, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws {
        var heads: [StreamChannel: Int] = [.stdin: 2, .stdout: 2]
        for try await message in connection.messages {
            switch message {
            case .data(let channel, var bytes):
                let head = min(heads[channel] ?? 0, bytes.count)
                heads[channel] = (heads[channel] ?? 0) - head
                bytes.removeFirst(head)
                guard !bytes.isEmpty else { continue }
                if channel == .stdin {
                    try await outbound.write(ByteBuffer(bytes: bytes))
                } else {
                    throw SwiftletError(.unavailable, String(decoding: bytes, as: UTF8.self))
                }
            case .close(.stdin): outbound.finish()
            case .close: continue
            }
        }
    }
}
