import CRI
import Errors
import Synchronization

/// Hands container events to every listener. One that lags loses its stream, never holds up the others.
final class EventBroadcaster: Sendable {
    typealias Stream = AsyncThrowingStream<CRIContainerEventResponse, any Error>

    private struct State {
        var next = 0
        var listeners: [Int: Stream.Continuation] = [:]
    }

    private let state = Mutex(State())
    private static let buffered = 1024

    func listen() -> Stream {
        let (stream, continuation) = Stream.makeStream(bufferingPolicy: .bufferingOldest(EventBroadcaster.buffered))
        let key = state.withLock { state in
            state.next += 1
            state.listeners[state.next] = continuation
            return state.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: key) }
        }
        return stream
    }

    var hasListeners: Bool { state.withLock { !$0.listeners.isEmpty } }

    func send(_ event: CRIContainerEventResponse) {
        // Outside the lock: finishing a stream calls its onTermination, which takes it.
        let listeners = state.withLock { Array($0.listeners.values) }
        for listener in listeners {
            guard case .dropped = listener.yield(event) else { continue }
            listener.finish(
                throwing: SwiftletError(
                    .resourceExhausted, "the reader of events lags more than \(EventBroadcaster.buffered) behind",
                    hint: "list the containers and subscribe again"))
        }
    }

    func finish() {
        let listeners = state.withLock { Array($0.listeners.values) }
        for listener in listeners { listener.finish() }
    }
}
