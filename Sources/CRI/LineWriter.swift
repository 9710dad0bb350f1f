import Errors
import NIOCore
import Synchronization

/// Writes to a connection so that a peer that does not read holds a bounded amount of memory for a bounded time.
final class LineWriter: Sendable {
    private let channel: any Channel
    private let maxPending: Int
    private let stall: TimeAmount
    private let pending = Mutex(0)

    /// `maxPending` bytes may wait before one more line is refused; a line of any length is taken when less waits.
    init(_ channel: any Channel, maxPending: Int, stall: Duration) {
        self.channel = channel
        self.maxPending = maxPending
        self.stall = TimeAmount(stall)
    }

    /// Returns once the socket has taken the whole line. Throws, and closes the connection, when too much waits already or
    /// this line has waited longer than the stall limit.
    func write(_ line: [UInt8]) async throws {
        let fits = pending.withLock { pending in
            guard pending <= maxPending else { return false }
            pending += line.count
            return true
        }
        guard fits else {
            channel.close(promise: nil)
            throw SwiftletError(.resourceExhausted, "the peer does not read: more than \(maxPending) bytes wait for it")
        }
        defer { pending.withLock { $0 -= line.count } }
        let channel = channel
        let stall = stall
        let written = channel.eventLoop.flatSubmit {
            let written = channel.writeAndFlush(ByteBuffer(bytes: line))
            let watch = channel.eventLoop.scheduleTask(in: stall) { channel.close(promise: nil) }
            written.whenComplete { _ in watch.cancel() }
            return written
        }
        try await written.get()
    }
}
