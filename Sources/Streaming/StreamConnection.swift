import Errors
import NIOCore
import NIOWebSocket

/// One end of a running connection: bare messages both ways. Sessions and relays are made of it.
public final class StreamConnection: Sendable {
    public let `protocol`: StreamProtocol
    /// What the peer sends, but for terminal sizes. One reader. Unread messages stop the peer.
    public let messages: StreamMessages
    /// The terminal's sizes; only the newest waits.
    public let resizes: AsyncStream<TerminalSize>
    private let channel: any Channel
    private let handler: NIOLoopBound<FrameHandler>

    /// On the channel's event loop: adds the WebSocket handlers behind those that are there.
    init(_ channel: any Channel, isServer: Bool, _ streamProtocol: StreamProtocol, _ limits: StreamLimits) throws {
        self.channel = channel
        self.protocol = streamProtocol
        let inbox = Inbox()
        messages = StreamMessages(inbox: inbox)
        let (resizes, sizes) = AsyncStream.makeStream(of: TerminalSize.self, bufferingPolicy: .bufferingNewest(1))
        self.resizes = resizes
        let frames = FrameHandler(isServer: isServer, streamProtocol, inbox, sizes)
        let handler = NIOLoopBound(frames, eventLoop: channel.eventLoop)
        self.handler = handler
        inbox.setOnSpace { [loop = channel.eventLoop] in loop.execute { handler.value.resumeReading() } }
        try channel.pipeline.syncOperations.addHandlers([
            WebSocketFrameEncoder(),
            ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: limits.frameSize)),
            NIOWebSocketFrameAggregator(
                minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1024, maxAccumulatedFrameSize: limits.frameSize),
            IdleStateHandler(allTimeout: TimeAmount(limits.idle)),
            frames,
        ])
    }

    /// Returns once the socket has taken the message, so a slow peer slows its sender. Closing a channel is dropped where
    /// the protocol has no word for it. Cancelling the task while it waits closes the connection.
    public func send(_ message: StreamMessage) async throws {
        let channel = channel
        try await withTaskCancellationHandler {
            for payload in message.payloads(`protocol`) { try await channel.writeAndFlush([payload]).get() }
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    public func send(_ size: TerminalSize) async throws { try await send(.data(.resize, size.json)) }

    /// Closes by WebSocket's handshake and returns when the connection is gone.
    public func close() async {
        let handler = handler
        channel.eventLoop.execute { handler.value.close(.normalClosure, "") }
        await waitUntilClosed()
    }

    /// Breaks the connection off, without a handshake.
    public func abort() { channel.close(promise: nil) }

    func waitUntilClosed() async {
        // The close future never fails; its wait is not cancelled with the task.
        try? await channel.closeFuture.get()
    }

    /// Calls `body` when the connection is gone.
    public func onClose(_ body: @escaping @Sendable () -> Void) { channel.closeFuture.whenComplete { _ in body() } }

    var isOpen: Bool { channel.isActive }
}

/// The messages of a connection. Ends after the peer's close; throws `unavailable` when the connection broke.
public struct StreamMessages: AsyncSequence, Sendable {
    public typealias Element = StreamMessage
    let inbox: Inbox

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(inbox: inbox) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let inbox: Inbox
        public mutating func next() async throws -> StreamMessage? { try await inbox.next() }
    }
}
