import Errors
import LocalSockets
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Synchronization

/// Opens streams over Unix sockets.
public enum StreamClient {
    /// A bare connection, for relays. An HTTP answer other than the upgrade is thrown with the server's own message.
    public static func connect(
        to target: StreamTarget, protocols: [StreamProtocol] = [.v5, .v4], headers: [(String, String)] = [],
        limits: StreamLimits = StreamLimits(), hint: String? = nil,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> StreamConnection {
        let key = NIOWebSocketClientUpgrader.randomRequestKey()
        var fields = HTTPHeaders(headers)
        fields.add(contentsOf: [
            ("Host", "localhost"), ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
            ("Sec-WebSocket-Protocol", protocols.map(\.rawValue).joined(separator: ", ")),
        ])
        let request = HTTPRequestHead(version: .http1_1, method: .GET, uri: target.uri, headers: fields)
        let done = Mutex<EventLoopFuture<StreamConnection>?>(nil)
        let channel = try await LocalClient.connect(to: target.socketPath, group: group, hint: hint) { channel in
            let promise = channel.eventLoop.makePromise(of: StreamConnection.self)
            done.withLock { $0 = promise.futureResult }
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandlers([
                HTTPRequestEncoder(), ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes)),
                ClientHandshakeHandler(
                    request, accept: StreamUpgrade.acceptance(of: key), protocols: protocols, limits: limits,
                    promise: promise),
            ])
        }
        guard let connected = done.withLock({ $0 }) else {
            throw SwiftletError(.internal, "the connection has no handshake", object: printable(target.uri))
        }
        return try await withTaskCancellationHandler {
            try await connected.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    /// A remote command's terminal, seen from the person's side.
    public static func open(
        to target: StreamTarget, protocols: [StreamProtocol] = [.v5, .v4], headers: [(String, String)] = [],
        limits: StreamLimits = StreamLimits(), hint: String? = nil,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> ClientSession {
        ClientSession(
            try await connect(
                to: target, protocols: protocols, headers: headers, limits: limits, hint: hint, group: group))
    }
}
