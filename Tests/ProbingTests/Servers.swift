import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOHPACK
import NIOPosix

@testable import Probing

/// A server on loopback for the time of `body`.
func withServer<Result>(
    _ initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>,
    _ body: (Endpoint) async throws -> Result
) async throws -> Result {
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .childChannelInitializer(initializer)
        .bind(host: "127.0.0.1", port: 0).get()
    let endpoint = Endpoint(host: "127.0.0.1", port: UInt16(server.localAddress?.port ?? 0))
    do {
        let result = try await body(endpoint)
        try await server.close()
        return result
    } catch {
        try await server.close()
        throw error
    }
}

/// Answers every HTTP request with what `answer` makes of its head; nil leaves it without one.
func withHTTPServer<Result>(
    _ answer: @escaping @Sendable (HTTPRequestHead) -> (status: Int, headers: [(String, String)], body: String)?,
    _ body: (Endpoint) async throws -> Result
) async throws -> Result {
    try await withServer(
        { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                try channel.pipeline.syncOperations.addHandler(HTTPAnswers(answer))
            }
        }, body)
}

private final class HTTPAnswers: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    let answer: @Sendable (HTTPRequestHead) -> (status: Int, headers: [(String, String)], body: String)?

    init(_ answer: @escaping @Sendable (HTTPRequestHead) -> (status: Int, headers: [(String, String)], body: String)?) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let request) = unwrapInboundIn(data), let reply = answer(request) else { return }
        var headers = HTTPHeaders(reply.headers)
        headers.add(name: "Content-Length", value: "\(reply.body.utf8.count)")
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: reply.body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
}

/// A gRPC health server: the trailers' status, and the serving status it answers with; a nil status never answers.
func withHealthServer<Result>(
    code: String?, serving: UInt8?, expecting service: String = "", _ body: (Endpoint) async throws -> Result
) async throws -> Result {
    try await withServer(
        { channel in
            channel.eventLoop.makeCompletedFuture {
                _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
                    mode: .server, connectionConfiguration: .init(), streamConfiguration: .init()
                ) { stream in
                    stream.eventLoop.makeCompletedFuture {
                        try stream.pipeline.syncOperations.addHandler(HealthAnswers(code, serving, service))
                    }
                }
            }
        }, body)
}

private final class HealthAnswers: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let code: String?
    private let serving: UInt8?
    private let service: String
    private var path = ""

    init(_ code: String?, _ serving: UInt8?, _ service: String) {
        (self.code, self.serving, self.service) = (code, serving, service)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let frame): path = frame.headers.first(name: ":path") ?? ""
        case .data(let frame):
            guard let code, case .byteBuffer(let bytes) = frame.data else { return }
            let isMine = Array(bytes.readableBytesView) == healthRequest(service)
            let isCheck = path == "/grpc.health.v1.Health/Check"
            send(context, code: isCheck && isMine ? code : "5")
        default: break
        }
    }

    private func send(_ context: ChannelHandlerContext, code: String) {
        let head = HPACKHeaders([(":status", "200"), ("content-type", "application/grpc")])
        context.write(wrapOutboundOut(.headers(.init(headers: head))), promise: nil)
        if let serving {
            let message: [UInt8] = serving == 0 ? [] : [8, serving]
            let frame = [0, 0, 0, 0, UInt8(message.count)] + message
            context.write(wrapOutboundOut(.data(.init(data: .byteBuffer(ByteBuffer(bytes: frame))))), promise: nil)
        }
        let end = HPACKHeaders([("grpc-status", code), ("grpc-message", "so it is")])
        context.writeAndFlush(wrapOutboundOut(.headers(.init(headers: end, endStream: true))), promise: nil)
    }
}
