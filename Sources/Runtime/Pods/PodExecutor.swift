import Dispatch

/// Runs a pod's actor on a queue of its own, where calls may block: threads of the cooperative pool never wait for the
/// kernel or a shim.
final class PodExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(_ name: String) { queue = DispatchQueue(label: "pod \(name)") }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
