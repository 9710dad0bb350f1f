import Errors
import Glibc
import LinuxSystem
import Synchronization

/// One end of a pipe, socket or terminal, read and written by tasks without blocking.
final class StreamDescriptor: Sendable {
    private struct State: ~Copyable {
        var descriptor: OwnedDescriptor?
        var finished = false
        var tickets: Set<UInt64> = []
    }

    private let readiness: Readiness
    private let state: Mutex<State>
    private let raw: Int32

    init(_ descriptor: consuming OwnedDescriptor, _ readiness: Readiness) throws(SwiftletError) {
        try setNonBlocking(descriptor.raw)
        raw = descriptor.raw
        self.readiness = readiness
        state = Mutex(State(descriptor: descriptor))
    }

    /// The reading end; the writing one is closed.
    static func reader(_ pipe: consuming PipeEnds, _ readiness: Readiness) throws(SwiftletError) -> StreamDescriptor {
        try StreamDescriptor(pipe.read, readiness)
    }

    /// The writing end; the reading one is closed.
    static func writer(_ pipe: consuming PipeEnds, _ readiness: Readiness) throws(SwiftletError) -> StreamDescriptor {
        try StreamDescriptor(pipe.write, readiness)
    }

    /// What is there, at most 64 KiB; nil at the end, or when nothing is there after `finish`.
    func read() async throws(SwiftletError) -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(raw, &chunk, chunk.count)
            if count > 0 { return Array(chunk[..<count]) }
            if count == 0 { return nil }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                if isFinished { return nil }
                try await ready(.input)
            // A terminal whose last process is gone; a socket whose other end was closed with bytes unread.
            case EIO, ECONNRESET: return nil
            default: throw systemError(errno, "read stream")
            }
        }
    }

    /// All of it; false when nobody reads any more.
    func write(_ bytes: [UInt8]) async throws(SwiftletError) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(raw, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                if isFinished { return false }
                try await ready(.output)
            case EPIPE, EIO, ECONNRESET: return false
            default: throw systemError(errno, "write stream")
            }
        }
        return true
    }

    private func ready(_ interest: EventPoll.Interest) async throws(SwiftletError) {
        let ticket = readiness.ticket()
        state.withLock { _ = $0.tickets.insert(ticket) }
        defer { state.withLock { _ = $0.tickets.remove(ticket) } }
        try await readiness.wait(raw, interest, ticket: ticket) { isFinished }
    }

    private var isFinished: Bool { state.withLock { $0.finished } }

    /// Nobody waits for it any more: readers get what is there already and then the end.
    func finish() {
        let tickets = state.withLock { state in
            state.finished = true
            return state.tickets
        }
        for ticket in tickets { readiness.cancel(ticket) }
    }

    /// Of a socket: the other end sees the end of what is written.
    func endWriting() { _ = shutdown(raw, Int32(SHUT_WR)) }

    /// Closes it now. Only for who alone uses it.
    func close() { state.withLock { $0.descriptor = nil } }

    func resize(columns: UInt16, rows: UInt16) throws(SwiftletError) {
        try Terminal.setSize(raw, columns: columns, rows: rows)
    }

    /// Another descriptor of the same file, for the other direction.
    func duplicate() throws(SwiftletError) -> StreamDescriptor {
        StreamDescriptor(
            sharing: try state.withLock { (state) throws(SwiftletError) in
                guard let copy = try state.descriptor?.duplicate() else {
                    throw SwiftletError(.cancelled, "the stream is closed")
                }
                return copy
            }, readiness)
    }

    private init(sharing descriptor: consuming OwnedDescriptor, _ readiness: Readiness) {
        raw = descriptor.raw
        self.readiness = readiness
        state = Mutex(State(descriptor: descriptor))
    }
}
