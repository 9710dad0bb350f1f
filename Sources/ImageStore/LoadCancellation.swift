import Errors
import LinuxSystem
import Synchronization

/// Stops a load from another thread. The load throws `cancelled` at its next chunk and leaves nothing.
public final class LoadCancellation: Sendable {
    private let cancelled = Atomic<Bool>(false)
    /// Readable once cancelled, so that a load waiting for a pipe wakes; nil when the kernel gave none.
    private let event: WakeUp?

    public init() { event = try? WakeUp() }

    public func cancel() {
        cancelled.store(true, ordering: .releasing)
        event?.signal()
    }

    public var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

    /// -1, which poll(2) ignores, when there is none.
    var descriptor: Int32 { event?.raw ?? -1 }

    func check() throws(SwiftletError) {
        if isCancelled {
            throw SwiftletError(.cancelled, "the load was cancelled; nothing was kept", operation: "load image")
        }
    }
}
