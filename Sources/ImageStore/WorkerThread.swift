import Errors
import Glibc
import LinuxSystem
import Synchronization

/// A thread of its own for one blocking job, joined for its result.
final class WorkerThread<Success: Sendable>: Sendable {
    private let outcome: Outcome
    private let thread: pthread_t

    private final class Outcome: Sendable {
        let value = Mutex<Result<Success, SwiftletError>?>(nil)
    }

    init(_ body: @escaping @Sendable () throws(SwiftletError) -> Success) throws(SwiftletError) {
        let outcome = Outcome()
        let job = ThreadJob {
            let result = Result { () throws(SwiftletError) in try body() }
            outcome.value.withLock { $0 = result }
        }
        let argument = Unmanaged.passRetained(job)
        var thread = pthread_t()
        let result = pthread_create(&thread, nil, runThreadJob, argument.toOpaque())
        guard result == 0 else {
            argument.release()
            throw systemError(result, "pthread_create")
        }
        self.outcome = outcome
        self.thread = thread
    }

    /// Waits for the end. Call exactly once: a thread not joined is never freed.
    func join() throws(SwiftletError) -> Success {
        pthread_join(thread, nil)
        guard let result = outcome.value.withLock({ $0 }) else {
            throw SwiftletError(.internal, "a worker thread ended without a result")
        }
        return try result.get()
    }
}

private final class ThreadJob: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func runThreadJob(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    Unmanaged<ThreadJob>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}
