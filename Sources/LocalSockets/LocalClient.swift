import Errors
import NIOCore
import NIOPosix

/// Connects to Unix sockets.
public enum LocalClient {
    /// Connects to `path` and builds the pipeline with `initializer`, on the channel's event loop, before any byte is
    /// read. Throws `unavailable` when nobody listens, with `hint`.
    public static func connect(
        to path: String, group: any EventLoopGroup, timeout: Duration = .seconds(10), hint: String? = nil,
        initializer: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> any Channel {
        let descriptor: Int32
        do {
            descriptor = try await blocking { try LocalSocket.connect(to: path, timeout: timeout).take() }
        } catch {
            var error = SwiftletError.wrapping(error)
            if error.code == .unavailable, let hint { error.hint = hint }
            throw error
        }
        return try await ClientBootstrap(group: group)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 256 << 10))
            .channelInitializer { channel in channel.eventLoop.makeCompletedFuture { try initializer(channel) } }
            .withConnectedSocket(descriptor).get()
    }
}

/// Runs what may block on a thread kept for that.
func blocking<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await NIOThreadPool.singleton.runIfActive(body)
}
