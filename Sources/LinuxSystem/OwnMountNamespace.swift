import CLinux
import Errors
import Glibc
import Synchronization

/// Runs `body` on a thread with a mount namespace and a working directory of its own, and waits for it. What it mounts
/// nobody else sees, and it goes with the thread: only descriptors can bring something out.
public func inMountNamespaceOfItsOwn<Value: Sendable>(
    _ body: @escaping @Sendable () throws(SwiftletError) -> Value
) throws(SwiftletError) -> Value {
    try DedicatedThread.wait("mounts") { () throws(SwiftletError) in
        try Namespaces.mount.unshare()
        let root = try openDirectory("/")
        try setMountPropagation(root.raw, MountPropagationFlag.private, recursive: true)
        return try body()
    }
}

extension DedicatedThread {
    /// Runs `body` on a thread of its own and waits for its end. For what changes a thread for good.
    public static func wait<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () throws(SwiftletError) -> Value
    ) throws(SwiftletError) -> Value {
        let ended = try WakeUp()
        let outcome = Outcome<Value>()
        try start(name) {
            let result = Result { () throws(SwiftletError) in try body() }
            outcome.value.withLock { $0 = result }
            ended.signal()
        }
        _ = try waitReadable(ended.raw, timeoutMilliseconds: nil)
        guard let result = outcome.value.withLock({ $0 }) else {
            throw SwiftletError(.internal, "ended without a result", object: "thread \(name)")
        }
        return try result.get()
    }

    private final class Outcome<Value: Sendable>: Sendable {
        let value = Mutex<Result<Value, SwiftletError>?>(nil)
    }
}
