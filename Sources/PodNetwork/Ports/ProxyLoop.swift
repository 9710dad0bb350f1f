import Dispatch
import Errors
import Glibc
import LinuxSystem
import Logging
import Synchronization

/// One thread that passes on what comes to the loopback ports. Everything it has belongs to it alone; other threads hand it
/// work.
final class ProxyLoop: Sendable {
    private typealias Job = @Sendable (inout ProxyTable) -> Void

    private let jobs = Mutex<[Job]>([])
    private let wakeUp: WakeUp
    private let ends = Mutex(false)

    init(logger: Logger) throws(SwiftletError) {
        wakeUp = try WakeUp()
        let wakeUp = wakeUp
        // Made here, so that a failure is the caller's.
        let table = Mutex<ProxyTable?>(try ProxyTable(wakeUp: wakeUp.raw, logger: logger))
        let box = TableBox(table)
        try DedicatedThread.start("host-ports") { [self] in run(box) }
    }

    private final class TableBox: Sendable {
        let table: Mutex<ProxyTable?>
        init(_ table: consuming Mutex<ProxyTable?>) { self.table = table }
    }

    private func run(_ box: TableBox) {
        guard var table = box.table.withLock({ $0.take() }) else { return }
        while !ends.withLock({ $0 }) {
            table.step()
            wakeUp.clear()
            let work = jobs.withLock { jobs in
                defer { jobs = [] }
                return jobs
            }
            for job in work { job(&table) }
        }
        table.closeAll()
    }

    private func hand(_ job: @escaping Job) {
        jobs.withLock { $0.append(job) }
        wakeUp.signal()
    }

    /// Errors: those of bind(2) and listen(2), on the caller's thread.
    func listen(
        owner: String, isStream: Bool, at address: IPAddress, _ port: UInt16, to target: IPAddress, _ targetPort: UInt16
    ) throws(SwiftletError) {
        let socket = try IPSocket.listening(isStream: isStream, address, port)
        let endpoint = ProxyTable.Endpoint(owner: owner, isStream: isStream, target: target, port: targetPort)
        let raw = socket.release()
        hand { $0.add(listener: raw, endpoint) }
    }

    func close(owner: String) {
        let done = DispatchSemaphore(value: 0)
        hand {
            $0.close(owner: owner)
            done.signal()
        }
        // The thread answers at once; one that does not, because it was stopped, keeps nothing open.
        _ = done.wait(timeout: .now() + .seconds(2))
    }

    func stop() {
        ends.withLock { $0 = true }
        wakeUp.signal()
    }
}
