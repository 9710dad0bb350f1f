import Errors
import Glibc
import Launch
import LinuxSystem

/// A container's main process or an exec, from clone to the end.
final class ManagedProcess {
    let id: String
    /// nil for a container; for an exec the id of its container.
    let containerID: String?
    private(set) var process: ProcessHandle
    let startedAt: Int64
    /// False while the last steps before exec are under way.
    private(set) var isRunning = false
    /// Of a container.
    let io: ContainerIO?

    private let loop: EventLoop
    private let reports: OwnedDescriptor
    private let onStarted: (SharedDescriptor?) -> Void
    private let onEnded: (ManagedProcess, ProcessExit, LaunchFailure?) -> Void
    private var reportWatch: EventLoop.Watch?
    private var processWatch: EventLoop.Watch?
    private var isReady = false
    private var failure: LaunchFailure?
    private var master: SharedDescriptor?

    /// `onStarted` when exec has succeeded, with an exec's terminal; `onEnded` when the process has been reaped, with the
    /// failure if it never started.
    init(
        id: String, containerID: String?, process: consuming ProcessHandle, io: ContainerIO?,
        reports: consuming OwnedDescriptor, _ loop: EventLoop,
        onStarted: @escaping (SharedDescriptor?) -> Void,
        onEnded: @escaping (ManagedProcess, ProcessExit, LaunchFailure?) -> Void
    ) throws(SwiftletError) {
        self.id = id
        self.containerID = containerID
        self.process = process
        self.io = io
        self.reports = reports
        self.loop = loop
        self.onStarted = onStarted
        self.onEnded = onEnded
        startedAt = wallClockNanoseconds()
        reportWatch = try loop.watch(self.reports.raw, .input) { [unowned self] _ in readReports() }
        processWatch = try loop.watch(self.process.descriptor.raw, .input) { [unowned self] _ in processEnded() }
    }

    var isExec: Bool { containerID != nil }

    var summary: ProcessState { summary(nil) }

    func summary(_ exit: ExitRecord?) -> ProcessState {
        ProcessState(id: id, isExec: isExec, pid: process.pid, startedAt: startedAt, exit: exit)
    }

    private func readReports() {
        do throws(SwiftletError) {
            while reportWatch != nil {
                guard let receipt = try receive(reports.raw, into: Scratch.buffer, flags: Int32(MSG_DONTWAIT)) else {
                    return
                }
                let descriptors = receipt.descriptors.map { SharedDescriptor(OwnedDescriptor(owning: $0)) }
                if receipt.count == 0 { return reportsEnded() }
                try handle(try LaunchReport(Array(Scratch.buffer[..<receipt.count])), descriptors.first)
            }
        } catch {
            fail(LaunchFailure(step: "start", errno: error.errno ?? 0, message: error.description))
        }
    }

    private func handle(_ report: LaunchReport, _ descriptor: SharedDescriptor?) throws(SwiftletError) {
        switch report {
        case .failed(let failure): fail(failure)
        case .ready: isReady = true
        case .terminal:
            guard let descriptor else { throw .invalid("a terminal without its descriptor") }
            if let io { try io.adopt(master: descriptor) } else { master = descriptor }
        case .successor:
            guard let descriptor else { throw .invalid("a successor without its descriptor") }
            try replaceProcess(by: ProcessHandle(adopting: try duplicateDescriptor(descriptor.raw)))
        }
    }

    /// The process handed over and ends.
    private func replaceProcess(by successor: consuming ProcessHandle) throws(SwiftletError) {
        if let processWatch { loop.unwatch(processWatch) }
        swap(&process, &successor)
        processWatch = try loop.watch(process.descriptor.raw, .input) { [unowned self] _ in processEnded() }
        try Predecessor(successor).reapWhenEnded(loop)
    }

    private func fail(_ failure: LaunchFailure) {
        self.failure = self.failure ?? failure
        // ESRCH: it has ended by itself, as it should after a report of failure.
        do throws(SwiftletError) { try process.signal(SIGKILL) } catch {
            if error.errno != ESRCH { complain(error.description) }
        }
    }

    /// Exec has closed the other end, or the process has died.
    private func reportsEnded() {
        if let reportWatch { loop.unwatch(reportWatch) }
        reportWatch = nil
        guard isReady, failure == nil else { return }
        isRunning = true
        onStarted(master)
        master = nil
    }

    private func processEnded() {
        let exit: ProcessExit
        do throws(SwiftletError) {
            guard let found = try process.reap() else { return }
            exit = found
        } catch {
            complain(error.description)
            exit = ProcessExit(code: 255, signal: 0)
        }
        readReports()
        if let processWatch { loop.unwatch(processWatch) }
        processWatch = nil
        if !isReady, failure == nil {
            let how = exit.signal != 0 ? "signal \(exit.signal) ended it" : "it ended with code \(exit.code)"
            failure = LaunchFailure(
                step: "start", errno: 0, message: "\(how) while it was being set up", exitCode: exit.code)
        }
        onEnded(self, exit, failure)
    }
}
