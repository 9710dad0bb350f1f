import NIOCore
import NIOHTTP1

/// A GET whose answer tells how a container is: 200 to 399 is well.
public struct HTTPCheck: Sendable {
    public var url: ProbeURL
    /// Sent as they are; `Host` replaces the address.
    public var headers: [(name: String, value: String)]
    /// For all of it, redirects included.
    public var timeout: Duration

    static let bodyLimit = 10 << 10
    static let mostRedirects = 10

    public init(url: ProbeURL, headers: [(name: String, value: String)] = [], timeout: Duration) {
        self.url = url
        self.headers = headers
        self.timeout = timeout
    }

    /// Asks once: nil when there was an answer, whatever its status, else why there was none. Errors: `CancellationError` only.
    public func ask() async throws -> String? {
        do { _ = try await get(url, within: timeout) } catch let fault as ExchangeFault { return words(fault, url) }
        return nil
    }

    /// Errors: `CancellationError` only; all else is a failure of what is checked.
    public func run() async throws -> CheckResult {
        let deadline = ContinuousClock.now + timeout
        var target = url
        for _ in 0...Self.mostRedirects {
            let answer: HTTPAnswer
            do { answer = try await get(target, within: deadline - .now) } catch let fault as ExchangeFault {
                return .failure(words(fault, target))
            }
            let status = Int(answer.head.status.code)
            guard (200..<400).contains(status) else { return .failure("HTTP probe failed with statuscode: \(status)") }
            guard let next = redirection(answer, from: target) else {
                return status < 300 ? .success : terminated(answer)
            }
            // A pod may not send the node's probes to other hosts.
            guard next.endpoint.host == url.endpoint.host else { return terminated(answer) }
            target = next
        }
        return .failure("Get \"\(target.text)\": stopped after \(Self.mostRedirects) redirects")
    }

    private func terminated(_ answer: HTTPAnswer) -> CheckResult {
        .warning("Probe terminated redirects, Response body: \(String(decoding: answer.body, as: UTF8.self))")
    }

    private func redirection(_ answer: HTTPAnswer, from target: ProbeURL) -> ProbeURL? {
        guard [301, 302, 303, 307, 308].contains(answer.head.status.code),
            let location = answer.head.headers.first(name: "location")
        else { return nil }
        return target.resolving(location)
    }

    private func words(_ fault: ExchangeFault, _ target: ProbeURL) -> String {
        let why =
            switch fault {
            case .dial(let reason): "dial tcp \(target.endpoint.text): \(reason)"
            case .timedOut: "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            case .broken(let reason): reason
            }
        return "Get \"\(target.text)\": \(why)"
    }

    private func get(_ target: ProbeURL, within time: Duration) async throws -> HTTPAnswer {
        let head = requestHead(target)
        return try await exchange(target.endpoint, timeout: max(time, .zero)) { channel, promise in
            let pipeline = channel.pipeline.syncOperations
            if target.scheme == .https { try pipeline.addHandler(TLSClient(serverName: target.endpoint.host)) }
            try pipeline.addHTTPClientHandlers()
            try pipeline.addHandler(OneRequest(head, promise))
        }
    }

    private func requestHead(_ target: ProbeURL) -> HTTPRequestHead {
        var own = HTTPHeaders()
        for header in headers { own.add(name: header.name, value: header.value) }
        var all = HTTPHeaders()
        all.add(name: "Host", value: own.first(name: "host") ?? target.authority)
        own.remove(name: "host")
        for (name, value) in [("User-Agent", userAgent), ("Accept", "*/*"), ("Connection", "close")]
        where !own.contains(name: name) { all.add(name: name, value: value) }
        all.add(contentsOf: own)
        return HTTPRequestHead(version: .http1_1, method: .GET, uri: target.path, headers: all)
    }
}

struct HTTPAnswer: Sendable {
    var head: HTTPResponseHead
    /// Its first 10 KiB.
    var body: [UInt8] = []
}

/// Sends one request and completes its promise with the answer.
private final class OneRequest: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let head: HTTPRequestHead
    private let promise: EventLoopPromise<HTTPAnswer>
    private var answer: HTTPAnswer?

    init(_ head: HTTPRequestHead, _ promise: EventLoopPromise<HTTPAnswer>) {
        self.head = head
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): answer = HTTPAnswer(head: head)
        case .body(let bytes):
            guard var answer else { return }
            answer.body += bytes.readableBytesView.prefix(HTTPCheck.bodyLimit - answer.body.count)
            self.answer = answer
            if answer.body.count >= HTTPCheck.bodyLimit { promise.succeed(answer) }
        case .end:
            if let answer { promise.succeed(answer) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(ExchangeFault.broken(String(describing: error)))
        context.close(promise: nil)
    }
}
