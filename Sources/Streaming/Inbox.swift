import Errors
import Synchronization

/// Messages between a connection and their one reader, bounded by bytes: at the upper mark the connection stops reading
/// its socket until the reader is down to the lower one.
final class Inbox: Sendable {
    private static let upperMark = 256 << 10
    private static let lowerMark = 64 << 10

    private struct State {
        var queue: [StreamMessage] = []
        var head = 0
        var bytes = 0
        var full = false
        var end: Result<Void, SwiftletError>?
        var reader: CheckedContinuation<StreamMessage?, any Error>?
        var onSpace: (@Sendable () -> Void)?
    }
    private let state = Mutex(State())

    /// Called, on any thread, when there is room again after `isFull`.
    func setOnSpace(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onSpace = body } }

    var isFull: Bool { state.withLock { $0.full } }

    func put(_ message: StreamMessage) {
        let reader = state.withLock { state -> CheckedContinuation<StreamMessage?, any Error>? in
            guard state.end == nil else { return nil }
            if let reader = state.reader {
                state.reader = nil
                return reader
            }
            state.queue.append(message)
            state.bytes += message.size
            if state.bytes >= Self.upperMark { state.full = true }
            return nil
        }
        reader?.resume(returning: message)
    }

    /// No more comes; what is queued can still be read. Only the first end counts.
    func end(_ error: SwiftletError?) {
        let reader = state.withLock { state in
            if state.end == nil { state.end = error.map { .failure($0) } ?? .success(()) }
            defer { state.reader = nil }
            return state.reader
        }
        if let error { reader?.resume(throwing: error) } else { reader?.resume(returning: nil) }
    }

    /// nil after the end. One reader at a time.
    func next() async throws -> StreamMessage? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (answer, onSpace) = state.withLock { state in Self.take(&state, continuation) }
                onSpace?()
                if let answer { continuation.resume(with: answer) }
            }
        } onCancel: {
            let reader = state.withLock { state in
                defer { state.reader = nil }
                return state.reader
            }
            reader?.resume(throwing: CancellationError())
        }
    }

    private static func take(
        _ state: inout sending State, _ continuation: CheckedContinuation<StreamMessage?, any Error>
    ) -> (Result<StreamMessage?, any Error>?, (@Sendable () -> Void)?) {
        if state.head < state.queue.count {
            let message = state.queue[state.head]
            state.head += 1
            state.bytes -= message.size
            if state.head == state.queue.count {
                state.queue.removeAll(keepingCapacity: true)
                state.head = 0
            }
            let room = state.full && state.bytes <= lowerMark
            if room { state.full = false }
            return (.success(message), room ? state.onSpace : nil)
        }
        if let end = state.end { return (end.map { nil }.mapError { $0 }, nil) }
        if Task.isCancelled { return (.failure(CancellationError()), nil) }
        guard state.reader == nil else {
            return (.failure(SwiftletError(.internal, "two readers of one connection", operation: "read")), nil)
        }
        state.reader = continuation
        return (nil, nil)
    }
}

extension StreamMessage {
    /// What it counts for in the bound; a message has a cost besides its bytes.
    fileprivate var size: Int {
        switch self {
        case .data(_, let bytes): bytes.count + 64
        case .close: 64
        }
    }
}
