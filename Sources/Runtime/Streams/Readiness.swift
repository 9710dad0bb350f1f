import Errors
import LinuxSystem
import Synchronization

/// Waits for descriptors on behalf of tasks: one thread and one epoll(7) for all, so that a session that idles for hours
/// costs no thread.
final class Readiness: Sendable {
    private struct State {
        var next: UInt64 = 1
        var waiting: [UInt64: (descriptor: Int32, continuation: CheckedContinuation<Void, Never>)] = [:]
    }

    private let poll: EventPoll
    private let wakeUp: WakeUp
    private let state = Mutex(State())

    init() throws(SwiftletError) {
        poll = try EventPoll()
        wakeUp = try WakeUp()
        try poll.add(wakeUp.raw, .input, token: 0)
        try DedicatedThread.start("stream-poll") { [self] in run() }
    }

    /// A place to wait, once.
    func ticket() -> UInt64 {
        state.withLock { state in
            defer { state.next += 1 }
            return state.next
        }
    }

    /// Returns when `descriptor` is ready (or broken: the next read or write tells), or when `cancel` is called with the
    /// ticket, before or after. The descriptor stays open meanwhile, and only one may wait for it at a time.
    func wait(_ descriptor: Int32, _ interest: EventPoll.Interest, ticket: UInt64, unless gone: () -> Bool)
        async throws(SwiftletError)
    {
        var failure: SwiftletError?
        await withCheckedContinuation { continuation in
            do throws(SwiftletError) {
                // One lock around both, so that whoever takes an entry out finds its descriptor in the epoll as well.
                try state.withLock { (state) throws(SwiftletError) in
                    try poll.add(descriptor, interest, token: ticket)
                    state.waiting[ticket] = (descriptor, continuation)
                }
                // Cancelled before it was there to be found.
                if gone() { cancel(ticket) }
            } catch {
                failure = error
                continuation.resume()
            }
        }
        if let failure { throw failure }
    }

    func cancel(_ ticket: UInt64) {
        let entry = state.withLock { state in
            let entry = state.waiting.removeValue(forKey: ticket)
            // It was added and is still open: removing cannot fail.
            if let entry { try? poll.remove(entry.descriptor) }
            return entry
        }
        entry?.continuation.resume()
    }

    private func run() {
        while true {
            let events: [EventPoll.Event]
            // EINTR gives no events, and nothing else can come back.
            do { events = try poll.wait() } catch { return }
            for event in events {
                if event.token == 0 { return wakeUp.clear() }
                cancel(event.token)
            }
        }
    }

    /// Ends the thread; nobody may wait any more.
    func stop() { wakeUp.signal() }
}
