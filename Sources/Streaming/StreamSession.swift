import Errors

/// A remote command's terminal, as the process beside it sees it.
public final class StreamSession: Sendable {
    /// What the client types. Ends when the client closed it; throws when the client is gone.
    public let stdin: StreamInput
    /// Terminal sizes; only the newest waits.
    public let resizes: AsyncStream<TerminalSize>
    public let `protocol`: StreamProtocol
    private let connection: StreamConnection

    init(_ connection: StreamConnection) {
        self.connection = connection
        stdin = StreamInput(messages: connection.messages)
        resizes = connection.resizes
        self.protocol = connection.protocol
    }

    /// Returns once the client's socket has taken the bytes: await it before reading more from the process.
    /// `channel` is stdout or stderr.
    public func write(_ bytes: [UInt8], to channel: StreamChannel) async throws {
        guard !bytes.isEmpty else { return }
        try await connection.send(.data(channel, bytes))
    }
}

/// Runs beside the process of one session; its task is cancelled when the client goes away. What it returns is sent as the
/// final status; an error it throws is sent as a Failure.
public typealias StreamHandler = @Sendable (StreamSession) async throws -> StreamResult

extension StreamConnection {
    /// Runs `handler` to its end, sends its result and closes.
    public func serve(_ handler: @escaping StreamHandler) async {
        let session = StreamSession(self)
        let task = Task { try await handler(session) }
        onClose { task.cancel() }
        let result: StreamResult
        do {
            result = try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
        } catch { result = .failure(SwiftletError.wrapping(error)) }
        // A client that is gone needs no status.
        try? await send(.data(.error, result.json.serialized()))
        await close()
    }
}

/// Bytes for a process's stdin.
public struct StreamInput: AsyncSequence, Sendable {
    public typealias Element = [UInt8]
    let messages: StreamMessages

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(messages: messages.makeAsyncIterator()) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        var messages: StreamMessages.AsyncIterator
        private var ended = false

        init(messages: StreamMessages.AsyncIterator) { self.messages = messages }

        public mutating func next() async throws -> [UInt8]? {
            while !ended, let message = try await messages.next() {
                switch message {
                case .data(.stdin, let bytes) where !bytes.isEmpty: return bytes
                case .close(.stdin): ended = true
                // Nothing else has a meaning on its way to a server.
                case .data, .close: continue
                }
            }
            ended = true
            return nil
        }
    }
}
