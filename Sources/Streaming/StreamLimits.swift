/// What one peer may take of a streaming endpoint.
public struct StreamLimits: Sendable {
    /// Bytes of one message; a longer one ends the connection.
    public var frameSize = 1 << 20
    /// A connection over which nothing went for so long is closed.
    public var idle = Duration.seconds(4 * 3600)
    /// From connecting to the end of the handshake.
    public var handshake = Duration.seconds(30)
    /// Connections of one endpoint.
    public var connections = 1024
    /// Registered URLs nobody has used yet, and how long each is good for.
    public var pendingTokens = 1000
    public var tokenLifetime = Duration.seconds(60)

    public init() {}
}
