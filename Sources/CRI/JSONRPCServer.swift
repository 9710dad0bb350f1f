import Errors
import JSON
import LocalSockets
import Logging
import NIOCore
import NIOPosix

/// JSON-RPC 2.0 over a Unix socket, one JSON object (or batch) a line each way.
///
/// - Requests of a connection run at the same time; replies come in the order they are ready and carry the request's id.
/// - Parameters and results are CRI v1 messages in the proto3 JSON mapping. Absent parameters are the empty message.
/// - A stream method (`GetContainerEvents`) is answered with an empty result, then with notifications of its own name,
///   whose params are `{"subscription": <id of the request>, "result": …}` and at the end `{"subscription": …, "error": …}`
///   or `{"subscription": …, "end": true}`. It ends too when the connection does.
/// - The notification `rpc.cancel` with `{"id": …}` cancels a request or stream of the same connection; so does closing the
///   connection. A peer that only shuts down its writing side still gets its replies.
/// - Error codes: the specification's, and `-32000` minus the gRPC status number for the service's own errors, whose parts
///   are in `data`.
/// - A line longer than the limit is answered with an error and the connection closed; a peer that does not read is
///   dropped.
public final class JSONRPCServer: Sendable {
    public struct Limits: Sendable {
        /// Bytes of one line from a client.
        public var lineLength = 16 << 20
        /// Lines of one connection worked on at a time; more stay in the socket.
        public var requestsInFlight = 64
        /// Streams open on one connection.
        public var streams = 16
        /// Requests in one batch.
        public var batchLength = 1000
        /// Reply bytes that may wait for a client before one more reply drops it.
        public var pendingBytes = 64 << 20
        /// How long one reply may wait for a client that does not read.
        public var stall = Duration.seconds(60)
        public var sockets = LocalServer.Limits()

        public init() {}
    }

    private let server: LocalServer
    private let connections: ConnectionRegistry

    /// Binds `path` (mode 0600, only for root and the daemon's own user) and serves `methods` until `shutdown`.
    public static func start(
        at path: String, methods: MethodTable, limits: Limits = Limits(),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, logger: Logger
    ) async throws -> JSONRPCServer {
        let connections = ConnectionRegistry()
        let server = try await LocalServer.start(
            at: path, limits: limits.sockets, group: group, logger: logger,
            refusal: { JSONRPCLine.error(id: .null, JSONRPCError($0)) },
            accept: { channel, _ in
                try JSONRPCConnection.start(channel, methods: methods, limits: limits, registry: connections)
            })
        return JSONRPCServer(server: server, connections: connections)
    }

    private init(server: LocalServer, connections: ConnectionRegistry) {
        self.server = server
        self.connections = connections
    }

    /// Stops accepting, waits up to `grace` for requests in flight, cancels the rest and closes every connection.
    public func shutdown(grace: Duration) async {
        await server.stopAccepting()
        await connections.waitUntilIdle(atMost: grace)
        await server.closeConnections()
    }
}
