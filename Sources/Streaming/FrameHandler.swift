import Errors
import JSON
import NIOCore
import NIOWebSocket

/// WebSocket frames to messages and back: pings, the closing handshake and masks are settled here.
final class FrameHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = [[UInt8]]
    typealias OutboundOut = WebSocketFrame

    /// How long the peer may take to answer our close frame.
    private static let closePatience = TimeAmount.seconds(5)

    private let isServer: Bool
    private let streamProtocol: StreamProtocol
    private let inbox: Inbox
    private let resizes: AsyncStream<TerminalSize>.Continuation
    private var context: ChannelHandlerContext?
    private var readHeld = false
    private var sentClose = false
    private var pongPending = false

    init(
        isServer: Bool, _ streamProtocol: StreamProtocol, _ inbox: Inbox,
        _ resizes: AsyncStream<TerminalSize>.Continuation
    ) {
        self.isServer = isServer
        self.streamProtocol = streamProtocol
        self.inbox = inbox
        self.resizes = resizes
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        ended(Self.broken)
    }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        guard (frame.maskKey != nil) == isServer else {
            return fail(context, .protocolError, "frames from a client are masked, those from a server are not")
        }
        switch frame.opcode {
        case .ping: answer(ping: frame, context)
        case .pong: break
        case .connectionClose: closeReceived(frame, context)
        case .binary, .text: message(Array(frame.unmaskedData.readableBytesView), context)
        default: fail(context, .protocolError, "frame of an unknown kind")
        }
    }

    private func message(_ payload: [UInt8], _ context: ChannelHandlerContext) {
        // After our close frame nobody reads any more.
        guard !sentClose else { return }
        do {
            guard let message = try StreamMessage(payload: payload, streamProtocol) else { return }
            if case .data(.resize, let bytes) = message {
                if !bytes.isEmpty { resizes.yield(try TerminalSize(json: bytes)) }
            } else {
                inbox.put(message)
            }
        } catch { fail(context, .unacceptableData, SwiftletError.wrapping(error).message) }
    }

    private func answer(ping: WebSocketFrame, _ context: ChannelHandlerContext) {
        // One pong at a time: only the latest ping needs an answer (RFC 6455 section 5.5.3).
        guard !pongPending, !sentClose else { return }
        pongPending = true
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(frame(.pong, ping.unmaskedData))).whenComplete { _ in
            bound.value.pongPending = false
        }
    }

    private func closeReceived(_ frame: WebSocketFrame, _ context: ChannelHandlerContext) {
        var data = frame.unmaskedData
        let code = data.readWebSocketErrorCode() ?? .normalClosure
        let reason = data.readString(length: data.readableBytes) ?? ""
        switch code {
        case .normalClosure, .goingAway: ended(nil)
        default:
            ended(
                SwiftletError(
                    .unavailable, "the peer closed the connection: \(printable(reason.isEmpty ? "\(code)" : reason))"))
        }
        if sentClose { return context.close(promise: nil) }
        sentClose = true
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(self.frame(.connectionClose, frame.unmaskedData))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }

    func read(context: ChannelHandlerContext) {
        if inbox.isFull, !sentClose { readHeld = true } else { context.read() }
    }

    /// The inbox has room again.
    func resumeReading() {
        guard readHeld else { return }
        readHeld = false
        context?.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed: context.close(promise: nil)
        case is IdleStateHandler.IdleStateEvent:
            ended(SwiftletError(.deadlineExceeded, "nothing went over the connection for too long"))
            close(.goingAway, "idle")
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended(Self.broken)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let code: WebSocketErrorCode =
            (error as? NIOWebSocketError) == .invalidFrameLength
                || error as? NIOWebSocketFrameAggregator.Error == .accumulatedFrameSizeIsTooLarge
            ? .messageTooLarge : .protocolError
        fail(context, code, code == .messageTooLarge ? "message too long" : "broken frame")
    }

    private func fail(_ context: ChannelHandlerContext, _ code: WebSocketErrorCode, _ reason: String) {
        ended(SwiftletError(.unavailable, reason, operation: "read", object: "stream"))
        close(code, reason)
    }

    private func ended(_ error: SwiftletError?) {
        inbox.end(error)
        resizes.finish()
    }

    private static let broken = SwiftletError(.unavailable, "the connection broke", operation: "read", object: "stream")

    // MARK: Out

    /// A message, as its payloads.
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let payloads = unwrapOutboundIn(data)
        guard !sentClose else {
            promise?.fail(
                SwiftletError(.unavailable, "the connection is closing", operation: "write", object: "stream"))
            return
        }
        guard let last = payloads.last else {
            promise?.succeed()
            return
        }
        for payload in payloads.dropLast() {
            context.write(wrapOutboundOut(frame(.binary, ByteBuffer(bytes: payload))), promise: nil)
        }
        context.write(wrapOutboundOut(frame(.binary, ByteBuffer(bytes: last))), promise: promise)
    }

    /// Starts the closing handshake; the channel closes once the peer has answered, or does not.
    func close(_ code: WebSocketErrorCode, _ reason: String) {
        guard let context, !sentClose else { return }
        sentClose = true
        var data = context.channel.allocator.buffer(capacity: 128)
        data.write(webSocketErrorCode: code)
        data.writeString(String(decoding: reason.utf8.prefix(120), as: UTF8.self))
        context.writeAndFlush(wrapOutboundOut(frame(.connectionClose, data)), promise: nil)
        let channel = context.channel
        let patience = context.eventLoop.scheduleTask(in: Self.closePatience) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in patience.cancel() }
        // The answer must be read even when the inbox was full.
        resumeReading()
    }

    private func frame(_ opcode: WebSocketOpcode, _ data: ByteBuffer) -> WebSocketFrame {
        WebSocketFrame(fin: true, opcode: opcode, maskKey: isServer ? nil : .random(), data: data)
    }
}

extension TerminalSize {
    /// `{"Width":80,"Height":24}`.
    init(json bytes: [UInt8]) throws(SwiftletError) {
        let value = try JSONValue.parse(bytes.count <= 1024 ? bytes : [], maxDepth: 4)
        guard let width = value["Width"]?.int.flatMap({ UInt16(exactly: $0) }),
            let height = value["Height"]?.int.flatMap({ UInt16(exactly: $0) })
        else { throw .invalid("Width and Height must be numbers from 0 to 65535", object: "resize message") }
        self.init(width: width, height: height)
    }

    var json: [UInt8] { JSONValue.object(["Width": .int(Int64(width)), "Height": .int(Int64(height))]).serialized() }
}
