import NIOCore
import NIOHPACK
import NIOHTTP2

/// Whether a server says SERVING of itself or of one of its services (`grpc.health.v1.Health/Check`), without TLS.
public func checkGRPC(_ endpoint: Endpoint, service: String, timeout: Duration) async throws -> CheckResult {
    let seconds = timeout.components.seconds
    do {
        let answer: GRPCAnswer = try await exchange(endpoint, timeout: timeout) { channel, promise in
            let streams = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
                mode: .client, connectionConfiguration: .init(), streamConfiguration: .init()
            ) { stream in stream.close() }
            let faults = HTTP2Faults(promise)
            try channel.pipeline.syncOperations.addHandler(faults)
            streams.createStreamChannel(promise: nil) { stream in
                stream.eventLoop.makeCompletedFuture {
                    try stream.pipeline.syncOperations.addHandler(HealthCall(endpoint, service, promise))
                }
            }
        }
        return answer.verdict
    } catch let fault as ExchangeFault {
        switch fault {
        case .timedOut: return .failure("timeout: health rpc did not complete within \(seconds)s")
        case .dial(let reason):
            return .failure(
                "error: failed to connect service \"\(endpoint.text)\": dial tcp \(endpoint.text): \(reason)")
        case .broken(let reason): return .failure("error: health rpc probe failed: \(reason)")
        }
    }
}

struct GRPCAnswer: Sendable {
    /// The serving status of the response message; nil without one.
    var serving: UInt64?
    /// The call's own status code; 0 is well.
    var code: String?
    var message = ""

    var verdict: CheckResult {
        guard code == nil || code == "0" else { return .failure(failure) }
        switch serving {
        case 1: return .success
        case 2: return .failure("service unhealthy (responded with \"NOT_SERVING\")")
        case 3: return .failure("service unhealthy (responded with \"SERVICE_UNKNOWN\")")
        case 0: return .failure("service unhealthy (responded with \"UNKNOWN\")")
        case .some(let other): return .failure("service unhealthy (responded with \"\(other)\")")
        case nil: return .failure("error: health rpc probe failed: the answer is no HealthCheckResponse")
        }
    }

    private var failure: String {
        code == "12"
            ? "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): \(message)"
            : "error: health rpc probe failed: rpc error: code = \(code ?? "") desc = \(message)"
    }
}

/// One unary call on an HTTP/2 stream.
private final class HealthCall: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let endpoint: Endpoint
    private let service: String
    private let promise: EventLoopPromise<GRPCAnswer>
    private var answer = GRPCAnswer()
    private var body: [UInt8] = []

    init(_ endpoint: Endpoint, _ service: String, _ promise: EventLoopPromise<GRPCAnswer>) {
        (self.endpoint, self.service, self.promise) = (endpoint, service, promise)
    }

    func channelActive(context: ChannelHandlerContext) {
        let headers = HPACKHeaders([
            (":method", "POST"), (":scheme", "http"), (":path", "/grpc.health.v1.Health/Check"),
            (":authority", endpoint.text), ("content-type", "application/grpc"), ("te", "trailers"),
            ("user-agent", userAgent),
        ])
        context.write(wrapOutboundOut(.headers(.init(headers: headers))), promise: nil)
        let request = ByteBuffer(bytes: healthRequest(service))
        context.writeAndFlush(wrapOutboundOut(.data(.init(data: .byteBuffer(request), endStream: true))), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let frame):
            if let status = frame.headers.first(name: ":status"), status != "200" {
                answer.code = "2"
                answer.message = "unexpected HTTP status code received from server: \(status)"
            }
            if let code = frame.headers.first(name: "grpc-status") {
                answer.code = code
                answer.message = frame.headers.first(name: "grpc-message") ?? ""
            }
            if frame.endStream { finish() }
        case .data(let frame):
            if case .byteBuffer(let bytes) = frame.data {
                body += bytes.readableBytesView.prefix(1024 - min(1024, body.count))
            }
            if frame.endStream { finish() }
        case .rstStream(let code): promise.fail(ExchangeFault.broken("stream terminated by RST_STREAM: \(code)"))
        default: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(ExchangeFault.broken("EOF"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(ExchangeFault.broken(String(describing: error)))
        context.close(promise: nil)
    }

    private func finish() {
        answer.serving = servingStatus(body)
        promise.succeed(answer)
    }
}

/// What goes wrong on the connection itself.
private final class HTTP2Faults: ChannelInboundHandler {
    typealias InboundIn = Any

    private let promise: EventLoopPromise<GRPCAnswer>

    init(_ promise: EventLoopPromise<GRPCAnswer>) { self.promise = promise }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(ExchangeFault.broken(String(describing: error)))
        context.close(promise: nil)
    }
}
