import CLinux
import Errors
import Glibc

/// A thread of its own for calls that block, so that they never hold one of the cooperative pool's.
public enum DedicatedThread {
    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Starts a detached thread with all signals blocked; `name` shows in /proc, 15 bytes.
    public static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SwiftletError) {
        let box = Unmanaged.passRetained(
            Box {
                _ = swl_set_process_name(name)
                body()
            })
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var blocked = sigset_t()
        var before = sigset_t()
        sigfillset(&blocked)
        pthread_sigmask(SIG_SETMASK, &blocked, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        let error = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
        guard error == 0 else {
            box.release()
            throw systemError(error, "start thread", name)
        }
    }
}

/// Wakes a thread that waits in poll(2) or epoll(7): an eventfd(2).
public final class WakeUp: Sendable {
    private let descriptor: OwnedDescriptor

    public init() throws(SwiftletError) {
        descriptor = OwnedDescriptor(owning: try check(swl_eventfd(), "eventfd"))
    }

    /// Readable after `signal` until `clear`.
    public var raw: Int32 { descriptor.raw }

    public func signal() {
        var one: UInt64 = 1
        // Fails only when 2^64-1 signals wait: then it is readable anyway.
        _ = write(descriptor.raw, &one, 8)
    }

    public func clear() {
        var count: UInt64 = 0
        // Nothing to read is what is wanted.
        _ = read(descriptor.raw, &count, 8)
    }
}
