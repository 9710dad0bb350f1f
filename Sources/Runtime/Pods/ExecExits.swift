import Launch
import Synchronization

/// Tells whoever runs an exec that it has ended.
final class ExecExits: Sendable {
    private let handlers = Mutex<[String: @Sendable (ExitRecord) -> Void]>([:])

    /// Before the exec is asked for. `handler` is called once, on the shim monitor's thread: it must not block.
    func expect(_ id: String, _ handler: @escaping @Sendable (ExitRecord) -> Void) {
        handlers.withLock { $0[id] = handler }
    }

    func forget(_ id: String) { handlers.withLock { _ = $0.removeValue(forKey: id) } }

    func post(_ id: String, _ record: ExitRecord) { handlers.withLock { $0.removeValue(forKey: id) }?(record) }
}
