import Errors
import JSON
import KubeAPI
import NIOCore
import NIOHTTP1
import Synchronization

/// What a handler sends, in a form that may cross threads.
enum ResponsePart: Sendable {
    case head(HTTPResponseHead)
    case body(ByteBuffer)
    case end
}

/// The answer to one request. Every write waits until the socket took it, so a slow reader slows its handler and nobody
/// else; one that takes nothing for `stall` is disconnected.
final class Responder: Sendable {
    static let stall = TimeAmount.seconds(60)

    let channel: any Channel
    private let connection: NIOLoopBound<HTTPConnection>
    private let version: HTTPVersion
    private let keepAlive: Bool
    private let state = Mutex(State())

    private struct State {
        var begun = false
        var ended = false
        var endless = false
    }

    init(_ connection: NIOLoopBound<HTTPConnection>, channel: any Channel, request: HTTPRequestHead) {
        self.connection = connection
        self.channel = channel
        version = request.version
        keepAlive = request.isKeepAlive
    }

    var hasBegun: Bool { state.withLock { $0.begun } }
    /// Whether the answer goes on until somebody ends it.
    var isEndless: Bool { state.withLock { $0.endless } }

    /// The whole answer at once.
    func send(
        _ status: Int, _ type: String, _ body: [UInt8], headers: [(String, String)] = []
    ) async throws {
        let head = try head(status, type, headers: headers + [("Content-Length", String(body.count))], endless: false)
        state.withLock { $0.ended = true }
        // In one write: a client that has all it was promised may leave before an end that came apart.
        try await put([.head(head), .body(channel.allocator.buffer(bytes: body)), .end])
        if !keepAlive { channel.close(promise: nil) }
    }

    func send(json: JSONValue, status: Int = 200, warnings: [String] = []) async throws {
        // Text from the manifest stands in the header: nothing but plain ASCII may get there.
        let headers = warnings.prefix(100).map { warning in
            let text = printable(warning, limit: 512).unicodeScalars.map {
                $0 == "\"" ? "'" : $0.isASCII ? String($0) : "?"
            }
            return ("Warning", "299 - \"\(text.joined())\"")
        }
        try await send(status, "application/json", json.serialized() + [0x0a], headers: headers)
    }

    func send(failure: APIFailure, headers: [(String, String)] = []) async throws {
        try await send(failure.code, "application/json", failure.status.json.serialized() + [0x0a], headers: headers)
    }

    /// The head of an answer of unknown length. One that is `endless` is cancelled when the client will send no more.
    func begin(_ status: Int, _ type: String, headers: [(String, String)] = [], endless: Bool = false) async throws {
        try await put([.head(try head(status, type, headers: headers, endless: endless))])
    }

    private func head(
        _ status: Int, _ type: String, headers: [(String, String)], endless: Bool
    ) throws(SwiftletError) -> HTTPResponseHead {
        let first = state.withLock { state in
            defer { state.begun = true }
            state.endless = endless
            return !state.begun
        }
        guard first else { throw SwiftletError(.internal, "a request was answered twice") }
        var head = HTTPResponseHead(version: version, status: HTTPResponseStatus(statusCode: status))
        head.headers.add(name: "Content-Type", value: type)
        for (name, value) in headers { head.headers.add(name: name, value: value) }
        if !keepAlive, head.headers["connection"].isEmpty { head.headers.add(name: "Connection", value: "close") }
        return head
    }

    func write(_ bytes: [UInt8]) async throws {
        guard !bytes.isEmpty else { return }
        try await put([.body(channel.allocator.buffer(bytes: bytes))])
    }

    func end() async throws {
        let first = state.withLock { state in
            defer { state.ended = true }
            return !state.ended
        }
        guard first else { return }
        try await put([.end])
        if !keepAlive { channel.close(promise: nil) }
    }

    private func put(_ parts: [ResponsePart]) async throws {
        let (channel, connection) = (channel, connection)
        let timer = channel.eventLoop.scheduleTask(in: Self.stall) { channel.close(promise: nil) }
        defer { timer.cancel() }
        try await channel.eventLoop.flatSubmit { connection.value.send(parts) }.get()
    }
}
