import Errors
import LinuxSystem

/// A process whose place another has taken: nobody asks how it ends, and yet it must be reaped.
final class Predecessor {
    private let process: ProcessHandle
    private var watch: EventLoop.Watch?

    init(_ process: consuming ProcessHandle) { self.process = process }

    /// The loop keeps it until then.
    func reapWhenEnded(_ loop: EventLoop) throws(SwiftletError) {
        watch = try loop.watch(process.descriptor.raw, .input) { [self] _ in
            do throws(SwiftletError) { _ = try process.reap() } catch { complain(error.description) }
            if let watch { loop.unwatch(watch) }
            watch = nil
        }
    }
}
