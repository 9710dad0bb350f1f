import Errors
import JSON

/// A remote command's terminal, seen from the person's side.
public final class ClientSession: Sendable {
    public let `protocol`: StreamProtocol
    /// What the command prints; ends when the session does. One reader.
    public let output: StreamOutput
    private let connection: StreamConnection

    init(_ connection: StreamConnection) {
        self.connection = connection
        self.protocol = connection.protocol
        output = StreamOutput(messages: connection.messages, status: StatusBox())
    }

    /// Returns once the server's socket has taken the bytes.
    public func write(_ bytes: [UInt8]) async throws {
        if !bytes.isEmpty { try await connection.send(.data(.stdin, bytes)) }
    }

    /// Says that stdin has ended. Throws `unimplemented` before v5, which has no word for it.
    public func closeStdin() async throws {
        guard `protocol`.canHalfClose else {
            throw SwiftletError(
                .unimplemented, "\(`protocol`.rawValue) cannot say it", operation: "close", object: "stdin",
                hint: "use a server that speaks \(StreamProtocol.v5.rawValue)")
        }
        try await connection.send(.close(.stdin))
    }

    public func resize(_ size: TerminalSize) async throws { try await connection.send(size) }

    /// How the command ended. Waits for the end; output nobody has read is dropped, so read `output` to its end first.
    /// Throws `unavailable` when the connection ended without a status.
    public func result() async throws -> StreamResult {
        for try await _ in output {}
        guard let status = output.status.bytes else {
            throw SwiftletError(
                .unavailable, "the connection ended before the command's status came", operation: "read",
                object: "stream")
        }
        return StreamResult(json: try JSONValue.parse(status))
    }

    public func close() async { await connection.close() }
}

/// What a remote command prints, in the order it came.
public struct StreamOutput: AsyncSequence, Sendable {
    public typealias Element = (channel: StreamChannel, bytes: [UInt8])
    let messages: StreamMessages
    let status: StatusBox

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(messages: messages.makeAsyncIterator(), status: status)
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        var messages: StreamMessages.AsyncIterator
        let status: StatusBox

        public mutating func next() async throws -> Element? {
            while let message = try await nextUnlessDone() {
                switch message {
                case .data(.error, let bytes): status.append(bytes)
                case .data(let channel, let bytes) where !bytes.isEmpty: return (channel, bytes)
                case .data, .close: continue
                }
            }
            return nil
        }

        /// A server that breaks off after the status has said all it had to say.
        private mutating func nextUnlessDone() async throws -> StreamMessage? {
            do { return try await messages.next() } catch let error as SwiftletError where error.code == .unavailable {
                if status.isComplete { return nil }
                throw error
            }
        }
    }
}
