import Dispatch
import Errors
import LinuxSystem
import Synchronization

/// Threads for calls that block for long: one call has one thread, idle threads are used again and end after a while.
/// Apart from the queues of pods, so that many slow calls cannot starve them.
final class BlockingThreads: Sendable {
    typealias Job = @Sendable () -> Void

    private final class Worker: Sendable {
        let wake = DispatchSemaphore(value: 0)
        let job = Mutex<Job?>(nil)
    }

    private struct State {
        var idle: [Worker] = []
        var count = 0
        var waiting: [Job] = []
    }

    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int = 512) { self.limit = limit }

    /// Runs `body` on a thread where it may block.
    func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            start { continuation.resume(with: Swift.Result(catching: body)) }
        }
    }

    /// Past the limit a job waits for a thread.
    func start(_ job: @escaping Job) {
        let (worker, isNew) = state.withLock { state -> (Worker?, Bool) in
            if let worker = state.idle.popLast() { return (worker, false) }
            guard state.count < limit else {
                state.waiting.append(job)
                return (nil, false)
            }
            state.count += 1
            return (Worker(), true)
        }
        guard let worker else { return }
        worker.job.withLock { $0 = job }
        if !isNew {
            worker.wake.signal()
        } else if !spawn(worker) {
            // No thread to be had: a queue's thread does it, late but surely.
            state.withLock { $0.count -= 1 }
            DispatchQueue.global().async { worker.job.withLock { $0.take() }?() }
        }
    }

    private func spawn(_ worker: Worker) -> Bool {
        do throws(SwiftletError) {
            try DedicatedThread.start("runtime-worker") { self.loop(worker) }
            return true
        } catch { return false }
    }

    private func loop(_ worker: Worker) {
        while true {
            if let job = worker.job.withLock({ $0.take() }) { job() }
            let next = state.withLock { state -> Job? in
                if !state.waiting.isEmpty { return state.waiting.removeFirst() }
                state.idle.append(worker)
                return nil
            }
            if let next {
                worker.job.withLock { $0 = next }
                continue
            }
            if worker.wake.wait(timeout: .now() + .seconds(10)) == .success { continue }
            let ends = state.withLock { state in
                // Not among the idle any more: a job was given to it this very moment.
                guard let index = state.idle.firstIndex(where: { $0 === worker }) else { return false }
                state.idle.remove(at: index)
                state.count -= 1
                return true
            }
            if ends { return }
            worker.wake.wait()
        }
    }
}
