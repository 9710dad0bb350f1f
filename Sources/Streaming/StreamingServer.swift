import Errors
import LocalSockets
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// The streaming endpoint of CRI's Exec, Attach and PortForward: URLs good for one use within a minute, each with the handler that
/// serves it.
public final class StreamingServer: Sendable {
    public enum Kind: String, Sendable { case exec, attach, portforward }

    private let server: LocalServer
    private let tokens: TokenTable

    /// Binds `path` (mode 0600, only for root and the daemon's own user) and serves until `shutdown`.
    public static func start(
        at path: String, limits: StreamLimits = StreamLimits(),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, logger: Logger
    ) async throws -> StreamingServer {
        let tokens = TokenTable(limit: limits.pendingTokens, lifetime: limits.tokenLifetime)
        let server = try await LocalServer.start(
            at: path, limits: LocalServer.Limits(connections: limits.connections), group: group, logger: logger
        ) { channel, _ in
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: true, withErrorHandling: true)
            try pipeline.addHandler(TokenRequestHandler(tokens: tokens, limits: limits))
        }
        return StreamingServer(server: server, tokens: tokens)
    }

    private init(server: LocalServer, tokens: TokenTable) {
        self.server = server
        self.tokens = tokens
    }

    /// A URL at which `handler` will serve one client. Errors: `resourceExhausted` when too many are unused.
    public func register(_ kind: Kind, _ handler: @escaping StreamHandler) throws(SwiftletError) -> String {
        try register(kind) { connection in await connection.serve(handler) }
    }

    /// A URL at which one client is joined with `upstream`, a connection to another endpoint.
    public func register(_ kind: Kind, relayTo upstream: StreamConnection) throws(SwiftletError) -> String {
        try register(kind) { connection in await StreamRelay.run(connection, upstream) }
    }

    /// A URL at which `connected` serves one client to its end, message by message.
    public func register(
        _ kind: Kind, connected: @escaping @Sendable (StreamConnection) async -> Void
    ) throws(SwiftletError) -> String {
        let token = try tokens.add(kind, connected)
        return StreamTarget(socketPath: server.path, uri: "/\(kind.rawValue)/\(token)").url
    }

    /// Stops accepting and breaks off the sessions, whose handlers are cancelled.
    public func shutdown() async {
        await server.stopAccepting()
        await server.closeConnections()
    }
}
