import Errors
import Glibc
import Synchronization

/// A bounded queue of byte chunks between two threads. Its buffers are used again: memory stays at `capacity` chunks.
/// Either end may fail it; the other then sees the error at its next call.
///
/// Sendable because everything mutable is behind the lock; a chunk belongs to one end at a time.
final class ChunkQueue: @unchecked Sendable {
    private struct State {
        var filled: [Chunk] = []
        var free: [Chunk] = []
        var finished = false
        /// Set by the producer: the consumer throws it after what came before is drained.
        var failure: SwiftletError?
        /// Set by the consumer: it wants no more.
        var abandoned = false
    }

    final class Chunk: @unchecked Sendable {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: DescriptorSource.chunkSize, alignment: 64)
        var count = 0
        deinit { memory.deallocate() }
    }

    private var state = State()
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init(capacity: Int = 4) {
        pthread_mutex_init(lock, nil)
        pthread_cond_init(changed, nil)
        state.free = (0..<capacity).map { _ in Chunk() }
    }

    deinit {
        pthread_mutex_destroy(lock)
        pthread_cond_destroy(changed)
        lock.deallocate()
        changed.deallocate()
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return body()
    }

    /// Copies the bytes in, waiting for room. False when the consumer has gone: nothing more is wanted.
    func push(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes
        while rest.count > 0 {
            guard let chunk = takeFree() else { return false }
            let count = min(rest.count, chunk.memory.count)
            chunk.memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
            chunk.count = count
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            locked {
                state.filled.append(chunk)
                pthread_cond_signal(changed)
            }
        }
        return true
    }

    private func takeFree() -> Chunk? {
        locked {
            while state.free.isEmpty, !state.abandoned { pthread_cond_wait(changed, lock) }
            return state.abandoned ? nil : state.free.removeLast()
        }
    }

    /// No more bytes come; `failure` says why if that is not the end.
    func finish(_ failure: SwiftletError? = nil) {
        locked {
            state.finished = true
            state.failure = failure
            pthread_cond_signal(changed)
        }
    }

    /// The consumer takes no more.
    func abandon() {
        locked {
            state.abandoned = true
            pthread_cond_signal(changed)
        }
    }

    /// The next chunk, giving back `used`; nil at the end.
    fileprivate func next(giveBack used: Chunk?) throws(SwiftletError) -> Chunk? {
        let outcome: Result<Chunk?, SwiftletError> = locked {
            if let used {
                state.free.append(used)
                pthread_cond_signal(changed)
            }
            while state.filled.isEmpty, !state.finished { pthread_cond_wait(changed, lock) }
            if !state.filled.isEmpty { return .success(state.filled.removeFirst()) }
            return state.failure.map { .failure($0) } ?? .success(nil)
        }
        return try outcome.get()
    }
}

/// The consumer's end of a queue.
final class QueueSource: ByteSource {
    private let queue: ChunkQueue
    private var current: ChunkQueue.Chunk?

    init(_ queue: ChunkQueue) { self.queue = queue }

    func read() throws(SwiftletError) -> UnsafeRawBufferPointer {
        let used = current
        current = nil
        current = try queue.next(giveBack: used)
        guard let current else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: current.memory[..<current.count])
    }
}
