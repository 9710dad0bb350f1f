import Dispatch
import Errors
import Glibc
import LinuxSystem
import Synchronization

/// The network namespace of a pod, held open.
struct PodNamespace: ~Copyable {
    /// For messages that name a namespace by a descriptor.
    let descriptor: OwnedDescriptor

    init(holder: Int32) throws(SwiftletError) {
        try self.init(path: "/proc/\(holder)/ns/net")
    }

    init(path: String) throws(SwiftletError) { descriptor = try openFile(path, O_RDONLY) }

    /// Tells it from others that live at the same time, also when its holder's number is another process's by now.
    var number: UInt64 { get throws(SwiftletError) { UInt64(try status(descriptor.raw).st_ino) } }

    private final class Outcome: Sendable {
        let result = Mutex<Result<Int32, SwiftletError>?>(nil)
        let done = DispatchSemaphore(value: 0)
    }

    /// A socket that speaks to the kernel from inside the namespace, on any thread. A thread of its own goes in and ends there, so that none is ever left in the wrong namespace.
    borrowing func open() throws(SwiftletError) -> NetlinkSocket {
        let outcome = Outcome()
        let namespace = descriptor.raw
        try DedicatedThread.start("pod-network") {
            let result: Result<Int32, SwiftletError>
            do throws(SwiftletError) {
                try Namespaces.network.enter(descriptor: namespace)
                result = .success(try NetlinkSocket(.route).release())
            } catch { result = .failure(error) }
            outcome.result.withLock { $0 = result }
            outcome.done.signal()
        }
        outcome.done.wait()
        guard let result = outcome.result.withLock({ $0 }) else {
            throw SwiftletError(.internal, "the thread left no word", operation: "enter the pod's network")
        }
        return NetlinkSocket(owning: try result.get())
    }
}
