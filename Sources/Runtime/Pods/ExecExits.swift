import Launch
import LinuxSystem
import Synchronization

/// Tells whoever runs an exec that it has ended.
final class ExecExits: Sendable {
    private struct Entry {
        var sandboxID: String
        var handler: @Sendable (ExitRecord) -> Void
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// Before the exec is asked for. `handler` is called once, on the shim monitor's thread: it must not block.
    func expect(_ id: String, in sandboxID: String, _ handler: @escaping @Sendable (ExitRecord) -> Void) {
        entries.withLock { $0[id] = Entry(sandboxID: sandboxID, handler: handler) }
    }

    func forget(_ id: String) { entries.withLock { _ = $0.removeValue(forKey: id) } }

    func post(_ id: String, _ record: ExitRecord) { entries.withLock { $0.removeValue(forKey: id) }?.handler(record) }

    /// The shim ended, and with it goes everything in its pod by SIGKILL: nobody will tell of its execs any more.
    func lost(_ sandboxID: String) {
        let now = wallClockNanoseconds()
        let orphans = entries.withLock { entries in
            let orphans = entries.filter { $0.value.sandboxID == sandboxID }
            for id in orphans.keys { entries[id] = nil }
            return orphans
        }
        for entry in orphans.values {
            entry.handler(ExitRecord(code: 137, signal: 9, startedAt: now, finishedAt: now))
        }
    }
}
