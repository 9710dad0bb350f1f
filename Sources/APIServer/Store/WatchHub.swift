import Errors
import JSON
import KubeAPI
import Synchronization

/// A committed write.
struct Change: Sendable {
    enum Kind: Sendable { case added, modified, deleted }

    var kind: Kind
    var key: ObjectKey
    /// Of the write; for a deletion the object carries it as well.
    var version: Int64
    var object: JSONValue
    /// What it was before; nil for an addition.
    var previous: JSONValue?
    /// Bytes of the object's text.
    var size = 0
}

/// Keeps the last changes and hands new ones to who watches.
final class WatchHub: Sendable {
    /// Changes kept for watchers that resume; older versions are answered with 410.
    static let historyLength = 4096
    /// Bytes of the objects in them: large ConfigMaps that change often must not fill the memory.
    static let historyBytes = 32 << 20
    /// Changes a reader may lag behind before its watch ends.
    static let backlog = 2048

    typealias Changes = AsyncThrowingStream<Change, any Error>

    private struct State {
        var history: [Change] = []
        var bytes = 0
        /// No change up to this version is in `history`.
        var floor: Int64
        var readers: [Int: (changes: Changes.Continuation, after: Int64)] = [:]
        var nextReader = 0
        var isClosed = false

        /// Forgets the oldest.
        mutating func drop(_ count: Int) {
            floor = history[count - 1].version
            bytes -= history[..<count].reduce(0) { $0 + $1.size }
            history.removeFirst(count)
        }
    }

    private let state: Mutex<State>

    /// `version`: the store's at the start; what came before is not kept.
    init(version: Int64) { state = Mutex(State(floor: version)) }

    /// To be called in the order of versions.
    func publish(_ changes: [Change]) {
        let slow = state.withLock { state -> [Changes.Continuation] in
            var slow: [Changes.Continuation] = []
            for change in changes {
                state.history.append(change)
                state.bytes += change.size
                for (id, reader) in state.readers {
                    // A snapshot may be newer than what was published when its watch began.
                    if change.version > reader.after, case .dropped = reader.changes.yield(change) {
                        state.readers[id] = nil
                        slow.append(reader.changes)
                    }
                }
            }
            // Trimmed in steps: removing the first element moves all others.
            if state.history.count > 2 * Self.historyLength {
                let excess = state.history.count - Self.historyLength
                state.drop(excess)
            }
            if state.bytes > Self.historyBytes {
                var (excess, bytes) = (0, state.bytes)
                while bytes > Self.historyBytes / 2, excess < state.history.count {
                    bytes -= state.history[excess].size
                    excess += 1
                }
                state.drop(excess)
            }
            return slow
        }
        for reader in slow { reader.finish(throwing: APIFailure(410, "Expired", "the watch fell too far behind")) }
    }

    /// Changes after `version` that are known already, then all that follow. Throws `APIFailure` 410 when some of them are
    /// no longer known. The stream ends with an error when its reader lags behind, and without one when the hub closes.
    func changes(after version: Int64) throws -> Changes {
        let (stream, continuation) = Changes.makeStream(
            bufferingPolicy: .bufferingOldest(Self.backlog + Self.historyLength * 2))
        let id = try state.withLock { state -> Int? in
            guard version >= state.floor else { throw APIFailure.expired(version, oldest: state.floor) }
            for change in state.history where change.version > version { continuation.yield(change) }
            guard !state.isClosed else { return nil }
            state.readers[state.nextReader] = (continuation, version)
            state.nextReader += 1
            return state.nextReader - 1
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in self?.state.withLock { $0.readers[id] = nil } }
        return stream
    }

    func close() {
        let readers = state.withLock { state in
            state.isClosed = true
            defer { state.readers = [:] }
            return Array(state.readers.values)
        }
        for reader in readers { reader.changes.finish() }
    }
}
