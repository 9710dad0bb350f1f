import Errors
import LinuxSystem

/// The shim's one loop: descriptors with their handlers, and timers.
final class EventLoop {
    /// A watched descriptor. It must be unwatched before it is closed.
    struct Watch {
        fileprivate let token: UInt64
        fileprivate let descriptor: Int32
    }

    private struct Timer {
        let deadline: Int64
        let action: () -> Void
    }

    private let poll: EventPoll
    private var handlers: [UInt64: (EventPoll.Interest) -> Void] = [:]
    private var timers: [Timer] = []
    private var nextToken: UInt64 = 1
    private var stopped = false

    init() throws(SwiftletError) { poll = try EventPoll() }

    /// `handler` is told when `descriptor` is ready, and of errors and hang-ups always.
    func watch(
        _ descriptor: Int32, _ interest: EventPoll.Interest, _ handler: @escaping (EventPoll.Interest) -> Void
    ) throws(SwiftletError) -> Watch {
        let token = nextToken
        nextToken += 1
        try poll.add(descriptor, interest, token: token)
        handlers[token] = handler
        return Watch(token: token, descriptor: descriptor)
    }

    func change(_ watch: Watch, _ interest: EventPoll.Interest) {
        // It is watched and open: nothing can fail but memory.
        do throws(SwiftletError) { try poll.change(watch.descriptor, interest, token: watch.token) } catch {
            complain(error.description)
        }
    }

    func unwatch(_ watch: Watch) {
        guard handlers.removeValue(forKey: watch.token) != nil else { return }
        do throws(SwiftletError) { try poll.remove(watch.descriptor) } catch { complain(error.description) }
    }

    /// Once, after so many milliseconds.
    func after(milliseconds: Int, _ action: @escaping () -> Void) {
        timers.append(Timer(deadline: monotonicNanoseconds() + Int64(milliseconds) * 1_000_000, action: action))
    }

    func stop() { stopped = true }

    func run() throws(SwiftletError) {
        while !stopped {
            for event in try poll.wait(timeoutMilliseconds: timeUntilTimer()) {
                // One handler may unwatch what a later event of the same round is about.
                handlers[event.token]?(event.ready)
            }
            runTimers()
        }
    }

    private func timeUntilTimer() -> Int32? {
        guard let first = timers.map(\.deadline).min() else { return nil }
        return Int32(clamping: max(0, (first - monotonicNanoseconds() + 999_999) / 1_000_000))
    }

    private func runTimers() {
        guard !timers.isEmpty else { return }
        let now = monotonicNanoseconds()
        let due = timers.filter { $0.deadline <= now }
        timers.removeAll { $0.deadline <= now }
        for timer in due { timer.action() }
    }
}
