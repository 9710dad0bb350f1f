import Errors
import JSON
import LocalSockets
import NIOCore
import NIOHTTP1
import NIOPosix

/// One request over a Unix socket, its answer read as it comes.
struct TestResponse: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var chunks: AsyncThrowingStream<[UInt8], any Error>
    var channel: any Channel

    func body() async throws -> [UInt8] {
        var all: [UInt8] = []
        for try await chunk in chunks { all += chunk }
        return all
    }

    func json() async throws -> JSONValue { try JSONValue.parse(try await body()) }
    func text() async throws -> String { String(decoding: try await body(), as: UTF8.self) }

    /// Lines of JSON as they come.
    func lines() -> AsyncThrowingStream<JSONValue, any Error> {
        AsyncThrowingStream { continuation in
            Task {
                do {
                    var rest: [UInt8] = []
                    for try await chunk in chunks {
                        rest += chunk
                        while let end = rest.firstIndex(of: 0x0a) {
                            continuation.yield(try JSONValue.parse(rest[..<end]))
                            rest.removeSubrange(...end)
                        }
                    }
                    continuation.finish()
                } catch { continuation.finish(throwing: error) }
            }
        }
    }
}

enum HTTPTestClient {
    static func send(
        _ socket: String, _ method: HTTPMethod, _ uri: String, _ body: [UInt8] = [], headers: HTTPHeaders = [:]
    ) async throws -> TestResponse {
        let (chunks, output) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let promise = loop.makePromise(of: HTTPResponseHead.self)
        let channel = try await LocalClient.connect(to: socket, group: loop) { channel in
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(Collector(head: promise, output: output))
        }
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: headers)
        head.headers.add(name: "Host", value: "localhost")
        head.headers.add(name: "Content-Length", value: String(body.count))
        let buffer = channel.allocator.buffer(bytes: body)
        // The answer may come, and the connection close, before all of the request is sent: only the answer counts.
        loop.execute { [head] in
            let pipeline = channel.pipeline.syncOperations
            pipeline.write(NIOAny(HTTPClientRequestPart.head(head)), promise: nil)
            pipeline.write(NIOAny(HTTPClientRequestPart.body(.byteBuffer(buffer))), promise: nil)
            pipeline.writeAndFlush(NIOAny(HTTPClientRequestPart.end(nil)), promise: nil)
        }
        let answer = try await promise.futureResult.get()
        return TestResponse(status: Int(answer.status.code), headers: answer.headers, chunks: chunks, channel: channel)
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart
        let head: EventLoopPromise<HTTPResponseHead>
        let output: AsyncThrowingStream<[UInt8], any Error>.Continuation

        init(head: EventLoopPromise<HTTPResponseHead>, output: AsyncThrowingStream<[UInt8], any Error>.Continuation) {
            self.head = head
            self.output = output
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): self.head.succeed(head)
            case .body(let bytes): output.yield(Array(bytes.readableBytesView))
            case .end:
                output.finish()
                context.close(promise: nil)
            }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            head.fail(ChannelError.eof)
            output.finish()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            head.fail(error)
            output.finish(throwing: error)
            context.close(promise: nil)
        }
    }
}
