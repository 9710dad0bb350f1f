import Errors
import NIOCore
import NIOHTTP1

/// The HTTP side of a `StreamingServer`'s connection: one request, which becomes a stream or an error.
final class TokenRequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let tokens: TokenTable
    private let limits: StreamLimits
    private var head: HTTPRequestHead?
    private var patience: Scheduled<Void>?

    init(tokens: TokenTable, limits: StreamLimits) {
        self.tokens = tokens
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        patience = context.eventLoop.scheduleTask(in: TimeAmount(limits.handshake)) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { patience?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        // A handshake has no body; one that comes is passed over and the connection closed by the error below.
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            do { try accept(head, context) } catch { refuse(SwiftletError.wrapping(error), context) }
        }
    }

    private func accept(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) throws {
        let path = head.uri.prefix { $0 != "?" }.split(separator: "/", omittingEmptySubsequences: false)
        guard path.count == 3, path[0].isEmpty, let kind = StreamingServer.Kind(rawValue: String(path[1])) else {
            throw SwiftletError(.notFound, "no such path", object: printable(head.uri))
        }
        // Before the token is taken: a bad handshake must not use it up.
        let handshake = try StreamUpgrade.negotiate(head)
        guard let connected = tokens.take(String(path[2]), kind) else {
            throw SwiftletError(
                .notFound, "unknown, used or older than \(limits.tokenLifetime)", object: "streaming URL",
                hint: "ask for a new one")
        }
        patience?.cancel()
        let channel = context.channel
        let limits = limits
        Task {
            do {
                let connection = try await StreamUpgrade.complete(
                    handshake, on: channel,
                    removing: { [try $0.context(handlerType: TokenRequestHandler.self)] }, limits: limits)
                await connected(connection)
            } catch {
                // The connection broke during the handshake: there is nobody to tell.
                channel.close(promise: nil)
            }
        }
    }

    private func refuse(_ error: SwiftletError, _ context: ChannelHandlerContext) {
        let status = HTTPStatus.json(error)
        let body = ByteBuffer(bytes: status.serialized())
        let headers: HTTPHeaders = [
            "Content-Type": "application/json", "Content-Length": "\(body.readableBytes)", "Connection": "close",
        ]
        let code = HTTPResponseStatus(statusCode: Int(status["code"]?.int ?? 500))
        context.write(wrapOutboundOut(.head(.init(version: .http1_1, status: code, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event, head == nil { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
