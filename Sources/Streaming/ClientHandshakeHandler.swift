import Errors
import JSON
import NIOCore
import NIOHTTP1

/// The HTTP side of a client's connection: sends the handshake, and makes the stream or the error of the answer.
final class ClientHandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    /// Status objects are small; more of a body than this is not read.
    private static let maxBody = 64 << 10

    private let request: HTTPRequestHead
    private let accept: String
    private let protocols: [StreamProtocol]
    private let limits: StreamLimits
    private let promise: EventLoopPromise<StreamConnection>
    private var answer: HTTPResponseHead?
    private var body: [UInt8] = []
    /// The answer is complete and the promise has its result, or soon will.
    private var done = false
    private var early: [NIOAny] = []
    private var patience: Scheduled<Void>?

    init(
        _ request: HTTPRequestHead, accept: String, protocols: [StreamProtocol], limits: StreamLimits,
        promise: EventLoopPromise<StreamConnection>
    ) {
        self.request = request
        self.accept = accept
        self.protocols = protocols
        self.limits = limits
        self.promise = promise
    }

    func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { start(context) } }
    func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    private func start(_ context: ChannelHandlerContext) {
        guard patience == nil else { return }
        let channel = context.channel
        patience = context.eventLoop.scheduleTask(in: TimeAmount(limits.handshake)) { channel.close(promise: nil) }
        context.write(wrapOutboundOut(.head(request)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !done else {
            // Frames that came with the answer, passed on by the decoder as it left.
            early.append(data)
            return
        }
        switch unwrapInboundIn(data) {
        case .head(let head): answer = head
        case .body(let part):
            guard body.count + part.readableBytes <= Self.maxBody else { return refused(context) }
            body += part.readableBytesView
        case .end:
            guard let answer, answer.status == .switchingProtocols else { return refused(context) }
            do { try upgrade(answer, context) } catch { finish(.failure(SwiftletError.wrapping(error)), context) }
        }
    }

    private func upgrade(_ head: HTTPResponseHead, _ context: ChannelHandlerContext) throws {
        let object = "WebSocket handshake"
        guard head.headers.first(name: "sec-websocket-accept") == accept else {
            throw SwiftletError(.unavailable, "the server's answer does not match the key", object: object)
        }
        guard let name = head.headers.first(name: "sec-websocket-protocol"),
            let chosen = StreamProtocol(rawValue: name), protocols.contains(chosen)
        else { throw SwiftletError(.unavailable, "the server chose no protocol of ours", object: object) }
        let pipeline = context.channel.pipeline.syncOperations
        let old = [
            try pipeline.context(handlerType: HTTPRequestEncoder.self),
            try pipeline.context(handlerType: ByteToMessageHandler<HTTPResponseDecoder>.self),
        ]
        done = true
        let removed = EventLoopFuture.andAllSucceed(
            old.map { pipeline.removeHandler(context: $0) }, on: context.eventLoop)
        // The decoder leaves only after this read, so the frames' handlers come later than this call.
        removed.assumeIsolated().whenComplete { _ in self.switchOver(chosen, context) }
    }

    private func switchOver(_ chosen: StreamProtocol, _ context: ChannelHandlerContext) {
        do {
            let connection = try StreamConnection(context.channel, isServer: false, chosen, limits)
            let early = early
            self.early = []
            for data in early { context.fireChannelRead(data) }
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
            promise.succeed(connection)
        } catch {
            promise.fail(SwiftletError.wrapping(error))
            context.close(promise: nil)
        }
    }

    private func refused(_ context: ChannelHandlerContext) {
        let code = Int64(answer?.status.code ?? 500)
        // An answer that is no JSON has no message to show; its code says what can be said.
        let status = (try? JSONValue.parse(body)) ?? .null
        finish(.failure(HTTPStatus.error(status, httpCode: code)), context)
    }

    private func finish(_ result: Result<StreamConnection, any Error>, _ context: ChannelHandlerContext) {
        guard !done else { return }
        done = true
        promise.completeWith(result)
        context.close(promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        patience?.cancel()
        if !done {
            done = true
            promise.fail(Self.broken)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { finish(.failure(Self.broken), context) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(.failure(SwiftletError(.unavailable, "the answer is not HTTP: \(error)")), context)
    }

    private static let broken = SwiftletError(
        .unavailable, "the connection ended before the answer came", object: "WebSocket handshake")
}
