import Errors
import Glibc
import JSON
import NIOCore
import NIOHTTP1
import NIOPosix

/// A client of the Kubernetes API on a Unix socket: one connection a request, as a command needs few.
public struct APIClient: Sendable {
    public let socketPath: String
    private let group: MultiThreadedEventLoopGroup

    public init(socketPath: String) {
        self.socketPath = socketPath
        group = .singleton
    }

    public struct Request: Sendable {
        public var method: HTTPMethod
        /// From `/api` on, already percent-encoded by `APIPath`.
        public var path: String
        public var query: [(name: String, value: String)]
        public var accept: String
        public var contentType: String?
        public var body: [UInt8]

        public init(
            _ method: HTTPMethod, _ path: String, query: [(name: String, value: String)] = [],
            accept: String = "application/json", contentType: String? = nil, body: [UInt8] = []
        ) {
            self.method = method
            self.path = path
            self.query = query
            self.accept = accept
            self.contentType = contentType
            self.body = body
        }

        var uri: String {
            guard !query.isEmpty else { return path }
            return path + "?"
                + query.map { "\(percentEncoded($0.name))=\(percentEncoded($0.value))" }.joined(separator: "&")
        }
    }

    public struct Response: Sendable {
        public var status: Int
        public var contentType: String
        /// What the server warned of (`Warning` headers), ready to print.
        public var warnings: [String]
        public var body: [UInt8]

        public func json() throws(SwiftletError) -> JSONValue {
            do { return try JSONValue.parse(body) } catch { throw error.during("read the server's answer") }
        }
    }

    /// Errors: `unavailable` when no daemon listens; the server's Status as `Error from server (Reason): message`.
    public func send(_ request: Request) async throws -> Response {
        try await exchange(request) { head, body in
            var bytes: [UInt8] = []
            for try await chunk in body { bytes += chunk.readableBytesView }
            return Response(
                status: Int(head.status.code), contentType: head.headers.first(name: "content-type") ?? "",
                warnings: head.headers["warning"].map(warningText), body: bytes)
        }
    }

    /// The body as it comes: `receive` gets each piece. For watches and logs.
    public func stream(_ request: Request, receive: (ByteBuffer) async throws -> Void) async throws {
        try await exchange(request) { _, body in
            for try await chunk in body { try await receive(chunk) }
        }
    }

    private func exchange<Result>(
        _ request: Request, _ body: (HTTPResponseHead, ResponseBody) async throws -> Result
    ) async throws -> Result {
        let channel = try await connect()
        return try await channel.executeThenClose { inbound, outbound in
            // All at once: the server may answer a request without a body, and close, before its end were written apart.
            let content: [HTTPClientRequestPart] =
                request.body.isEmpty ? [] : [.body(.byteBuffer(ByteBuffer(bytes: request.body)))]
            try await outbound.write(contentsOf: [.head(head(of: request))] + content + [.end(nil)])
            var parts = inbound.makeAsyncIterator()
            guard case .head(let head) = try await parts.next() else { throw hungUp }
            let answer = ResponseBody(parts: parts)
            guard head.status.code < 400 else { throw try await fault(head, answer) }
            return try await body(head, answer)
        }
    }

    private func head(of request: Request) -> HTTPRequestHead {
        var headers = HTTPHeaders([
            ("Host", "swiftlet"), ("Accept", request.accept), ("User-Agent", "swiftlet"), ("Connection", "close"),
        ])
        if let type = request.contentType { headers.add(name: "Content-Type", value: type) }
        if !request.body.isEmpty || request.method != .GET {
            headers.add(name: "Content-Length", value: "\(request.body.count)")
        }
        return HTTPRequestHead(version: .http1_1, method: request.method, uri: request.uri, headers: headers)
    }

    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    private func connect() async throws -> Connection {
        do {
            return try await ClientBootstrap(group: group).connect(unixDomainSocketPath: socketPath) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
        } catch let error as IOError {
            throw SwiftletError(
                .unavailable, "no daemon answers: \(String(cString: strerror(error.errnoCode)))",
                operation: "connect to", object: socketPath,
                errno: error.errnoCode,
                hint: "start one with swiftletd --run DIR, and give the same folder with --run or SWIFTLET_RUN")
        }
    }

    private func fault(_ head: HTTPResponseHead, _ content: ResponseBody) async throws -> SwiftletError {
        var bytes: [UInt8] = []
        for try await chunk in content where bytes.count < 1 << 20 { bytes += chunk.readableBytesView }
        return serverError(status: Int(head.status.code), body: bytes)
    }

    private var hungUp: SwiftletError {
        SwiftletError(
            .unavailable, "the daemon closed the connection without an answer", object: socketPath,
            hint: "see the daemon's log")
    }
}

/// The pieces of a response's body. Ends with the response; a connection cut before that is an error.
struct ResponseBody: AsyncSequence {
    let parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator

    struct AsyncIterator: AsyncIteratorProtocol {
        var parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator

        mutating func next() async throws -> ByteBuffer? {
            while let part = try await parts.next() {
                switch part {
                case .head: continue
                case .body(let bytes): return bytes
                case .end: return nil
                }
            }
            throw SwiftletError(.unavailable, "the daemon ended in the middle of an answer")
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(parts: parts) }
}
