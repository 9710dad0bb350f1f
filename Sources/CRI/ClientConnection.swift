import Errors
import JSON
import LocalSockets
import NIOCore
import Synchronization

/// One connection of a client: numbers the requests and hands every answer to who waits for it.
final class ClientConnection: Sendable {
    enum StreamEvent: Sendable {
        case element(JSONValue)
        case end((any Error)?)
    }
    /// Returns whether it wants more.
    typealias StreamReader = @Sendable (StreamEvent) -> Bool

    /// Two outputs of ExecSync of 16 MiB each in base64, and what stands around them.
    private static let maxLine = 64 << 20

    private struct State {
        var closed: SwiftletError?
        var nextID: Int64 = 1
        var calls: [Int64: CheckedContinuation<JSONValue, any Error>] = [:]
        /// Calls whose deadline or cancellation came before they could wait for an answer.
        var refused: [Int64: SwiftletError] = [:]
        /// Calls that are about to be in `calls`.
        var starting: Set<Int64> = []
        var streams: [Int64: StreamReader] = [:]
    }

    private let path: String
    private let channel: any Channel
    private let state = Mutex(State())

    static func open(_ path: String, _ group: any EventLoopGroup, hint: String) async throws -> ClientConnection {
        let made = Mutex<ClientConnection?>(nil)
        let channel = try await LocalClient.connect(to: path, group: group, hint: hint) { channel in
            let connection = ClientConnection(path, channel)
            made.withLock { $0 = connection }
            let lines = LineSlot()
            let handler = LineHandler(
                maxLine: maxLine, maxBusy: 1,
                events: .init(
                    line: { line in
                        connection.received(line)
                        lines.handler?.lineDone()
                    },
                    tooLong: { connection.lost("an answer is longer than \(maxLine) bytes") },
                    drained: { connection.lost("the server closed the connection") },
                    closed: { connection.lost("the connection broke") }))
            lines.handler = handler
            try channel.pipeline.syncOperations.addHandler(handler)
        }
        guard let connection = made.withLock({ $0 }) else {
            channel.close(promise: nil)
            throw SwiftletError(.internal, "the connection has no reader", object: "socket \(printable(path))")
        }
        return connection
    }

    /// On the event loop only. Weak: the pipeline owns the handler.
    private final class LineSlot { weak var handler: LineHandler? }

    private init(_ path: String, _ channel: any Channel) {
        self.path = path
        self.channel = channel
    }

    var isOpen: Bool { state.withLock { $0.closed == nil } }

    func close() async {
        lost("the client closed the connection")
        // Fails only when it is closed already.
        try? await channel.closeFuture.get()
    }

    // MARK: Calls

    func call(_ method: String, _ params: [UInt8], _ deadline: Duration?) async throws -> JSONValue {
        let id = nextID()
        state.withLock { _ = $0.starting.insert(id) }
        let timer = deadline.map { deadline in
            channel.eventLoop.scheduleTask(in: TimeAmount(deadline)) {
                self.abandon(
                    id,
                    SwiftletError(.deadlineExceeded, "no answer within \(deadline)", operation: "call", object: method))
            }
        }
        defer { timer?.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let refused: (any Error)? = state.withLock { state in
                    state.starting.remove(id)
                    if let closed = state.closed { return closed }
                    if let refused = state.refused.removeValue(forKey: id) { return refused }
                    state.calls[id] = continuation
                    // Under the lock: whoever abandons it now says so behind it.
                    send(JSONRPCLine.request(id: id, method: method, params: params))
                    return nil
                }
                if let refused { continuation.resume(throwing: refused) }
            }
        } onCancel: {
            self.abandon(id, SwiftletError(.cancelled, "cancelled", operation: "call", object: method))
        }
    }

    /// Opens a stream; `onOpen` gets what ends it. Returns once the server has accepted it.
    func stream(
        _ method: String, _ params: [UInt8], _ reader: @escaping StreamReader,
        onOpen: (_ cancel: @escaping @Sendable () -> Void) -> Void
    ) async throws {
        let id = nextID()
        // The reader must be there before the first element can come.
        state.withLock { $0.streams[id] = reader }
        do {
            _ = try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    let refused: (any Error)? = state.withLock { state in
                        if let closed = state.closed { return closed }
                        if Task.isCancelled { return CancellationError() }
                        state.calls[id] = continuation
                        send(JSONRPCLine.request(id: id, method: method, params: params))
                        return nil
                    }
                    if let refused { continuation.resume(throwing: refused) }
                }
            } onCancel: {
                self.abandon(id, SwiftletError(.cancelled, "cancelled", operation: "open", object: method))
            }
        } catch {
            state.withLock { $0.streams[id] = nil }
            throw error
        }
        onOpen { self.endStream(id) }
    }

    private func nextID() -> Int64 {
        state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
    }

    private func abandon(_ id: Int64, _ error: SwiftletError) {
        let waiting = state.withLock { state in
            if state.starting.contains(id) { state.refused[id] = error }
            return state.calls.removeValue(forKey: id)
        }
        guard let waiting else { return }
        sendCancel(id)
        waiting.resume(throwing: error)
    }

    private func endStream(_ id: Int64) {
        if state.withLock({ $0.streams.removeValue(forKey: id) }) != nil { sendCancel(id) }
    }

    private func sendCancel(_ id: Int64) {
        send(JSONRPCLine.request(id: nil, method: "rpc.cancel", params: Array(#"{"id":\#(id)}"#.utf8)))
    }

    /// Lines go out in the order of the calls, from whatever thread.
    private func send(_ line: [UInt8]) {
        let channel = channel
        channel.eventLoop.execute {
            channel.writeAndFlush(ByteBuffer(bytes: line)).whenFailure {
                self.lost("the request could not be sent: \($0)")
            }
        }
    }

    // MARK: Answers, on the event loop

    private func received(_ line: [UInt8]) {
        let value: JSONValue
        do { value = try JSONValue.parse(line) } catch { return lost("an answer is not JSON: \(error.message)") }
        if value["method"] != nil { return event(value["params"] ?? .null) }
        guard let id = value["id"]?.int else {
            // An error about something no request of ours caused, as a refused connection.
            if let error = value["error"] { lost(JSONRPCError(json: error).error) }
            return
        }
        guard let continuation = state.withLock({ $0.calls.removeValue(forKey: id) }) else { return }
        if let error = value["error"] {
            continuation.resume(throwing: JSONRPCError(json: error).error)
        } else {
            continuation.resume(returning: value["result"] ?? .null)
        }
    }

    private func event(_ params: JSONValue) {
        guard let id = params["subscription"]?.int, let reader = state.withLock({ $0.streams[id] }) else { return }
        if let value = params["result"] {
            if !reader(.element(value)) { endStream(id) }
        } else {
            state.withLock { $0.streams[id] = nil }
            _ = reader(.end(params["error"].map { JSONRPCError(json: $0).error }))
        }
    }

    private func lost(_ reason: String) {
        lost(SwiftletError(.unavailable, reason, object: "socket \(printable(path))"))
    }

    private func lost(_ error: SwiftletError) {
        let (calls, streams) = state.withLock { state in
            if state.closed == nil { state.closed = error }
            defer {
                state.calls = [:]
                state.streams = [:]
            }
            return (state.calls, state.streams)
        }
        for continuation in calls.values { continuation.resume(throwing: error) }
        for reader in streams.values { _ = reader(.end(error)) }
        channel.close(promise: nil)
    }
}
