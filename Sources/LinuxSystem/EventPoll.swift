import CLinux
import Errors
import Glibc

/// epoll(7), level-triggered. Each descriptor carries a token of the caller's choice.
public struct EventPoll: ~Copyable, Sendable {
    public struct Interest: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let input = Interest(rawValue: EPOLLIN.rawValue)
        public static let output = Interest(rawValue: EPOLLOUT.rawValue)
        /// Reported whether asked for or not.
        public static let hangUp = Interest(rawValue: EPOLLHUP.rawValue)
        public static let error = Interest(rawValue: EPOLLERR.rawValue)
    }

    public struct Event: Sendable {
        public let token: UInt64
        public let ready: Interest
    }

    private let descriptor: OwnedDescriptor

    public init() throws(SwiftletError) {
        descriptor = OwnedDescriptor(owning: try check(epoll_create1(Int32(EPOLL_CLOEXEC)), "epoll_create1"))
    }

    public borrowing func add(_ target: Int32, _ interest: Interest, token: UInt64) throws(SwiftletError) {
        try control(EPOLL_CTL_ADD, target, interest, token)
    }

    public borrowing func change(_ target: Int32, _ interest: Interest, token: UInt64) throws(SwiftletError) {
        try control(EPOLL_CTL_MOD, target, interest, token)
    }

    /// Before the descriptor is closed: a duplicate elsewhere would keep it reporting.
    public borrowing func remove(_ target: Int32) throws(SwiftletError) {
        try control(EPOLL_CTL_DEL, target, [], 0)
    }

    /// Waits for at most 16 events; empty when the time ran out or a signal came. nil waits for ever.
    public borrowing func wait(timeoutMilliseconds: Int32? = nil) throws(SwiftletError) -> [Event] {
        try withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 16) { events throws(SwiftletError) in
            let count = epoll_wait(descriptor.raw, events.baseAddress, 16, timeoutMilliseconds ?? -1)
            if count < 0 {
                let error = swl_errno()
                if error == EINTR { return [] }
                throw systemError(error, "epoll_wait")
            }
            return (0..<Int(count)).map {
                Event(token: events[$0].data.u64, ready: Interest(rawValue: events[$0].events))
            }
        }
    }

    private borrowing func control(_ operation: Int32, _ target: Int32, _ interest: Interest, _ token: UInt64)
        throws(SwiftletError)
    {
        var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: token))
        try check(epoll_ctl(descriptor.raw, operation, target, &event), "epoll_ctl")
    }
}
