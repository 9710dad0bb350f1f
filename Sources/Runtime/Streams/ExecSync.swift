import CRI
import Errors
import Glibc
import Launch
import LinuxSystem
import Synchronization

/// A command run to its end with its output kept: CRI's ExecSync. Blocks a thread.
struct ExecSync: Sendable {
    let target: ExecTarget
    let command: [String]
    /// 0 for none.
    let seconds: Int64
    let interruption: Interruption

    /// What CRI wants kept of each stream; the rest is read and dropped.
    static let outputLimit = 16 << 20

    /// How the waiting thread learns of the end, from the shim or from a client that went away.
    final class Interruption: Sendable {
        struct State {
            var exit: ExitRecord?
            var cancelled = false
        }

        let wakeUp: WakeUp
        private let state = Mutex(State())

        init() throws(SwiftletError) { wakeUp = try WakeUp() }

        func ended(_ exit: ExitRecord) {
            state.withLock { $0.exit = exit }
            wakeUp.signal()
        }

        func cancel() {
            state.withLock { $0.cancelled = true }
            wakeUp.signal()
        }

        var now: State { state.withLock { $0 } }
    }

    /// The answer, and what is left to do once it is on its way.
    struct Result: Sendable {
        var response: CRIExecSyncResponse
        var exec: Exec
    }

    /// Errors: `deadlineExceeded` when the time is over, `cancelled`; either way the whole process tree is ended.
    func run() throws(SwiftletError) -> Result {
        let exec = try Exec(target)
        do throws(SwiftletError) {
            return Result(response: try run(exec), exec: exec)
        } catch {
            target.context.execs.forget(exec.id)
            exec.discard()
            throw error
        }
    }

    private func run(_ exec: Exec) throws(SwiftletError) -> CRIExecSyncResponse {
        let interruption = interruption
        target.context.execs.expect(exec.id, in: target.sandboxID) { interruption.ended($0) }
        let output = try Capture()
        let errors = try Capture()
        let null = try openFile("/dev/null", O_RDONLY)
        let plan = try exec.plan(command, terminal: nil)
        let deadline = seconds > 0 ? monotonicNanoseconds() + min(seconds, 1 << 30) * 1_000_000_000 : nil
        switch try exec.start(plan, descriptors: [null.raw, output.writer, errors.writer]) {
        case .started: break
        case .failed(let failure):
            // As a shell answers for a command it cannot find or run.
            guard failure.exitCode == 126 || failure.exitCode == 127 else {
                throw failure.error("exec in container", target.name)
            }
            return .with {
                $0.exitCode = failure.exitCode
                $0.stderr.append(contentsOf: Array("\(failure.text)\n".utf8))
            }
        }
        output.closeWriter()
        errors.closeWriter()
        let exit = try wait(exec, output, errors, deadline)
        return .with {
            $0.exitCode = exit.code
            $0.stdout.append(contentsOf: output.bytes)
            $0.stderr.append(contentsOf: errors.bytes)
        }
    }

    private func wait(
        _ exec: Exec, _ output: Capture, _ errors: Capture, _ deadline: Int64?
    ) throws(SwiftletError) -> ExitRecord {
        while true {
            if let exit = interruption.now.exit {
                // What it wrote is in the pipes by now; a process it left behind may hold them open for ever.
                try output.drain()
                try errors.drain()
                return exit
            }
            if interruption.now.cancelled { throw try abandon(exec, SwiftletError(.cancelled, "the caller went away")) }
            var items = [
                pollfd(fd: output.reader, events: Int16(POLLIN), revents: 0),
                pollfd(fd: errors.reader, events: Int16(POLLIN), revents: 0),
                pollfd(fd: interruption.wakeUp.raw, events: Int16(POLLIN), revents: 0),
            ]
            var patience: Int32 = -1
            if let deadline {
                let left = (deadline - monotonicNanoseconds() + 999_999) / 1_000_000
                if left <= 0 { throw try abandon(exec, late) }
                patience = Int32(clamping: left)
            }
            _ = try retrying("poll") { poll(&items, 3, patience) }
            if items[0].revents != 0 { try output.drain() }
            if items[1].revents != 0 { try errors.drain() }
            if items[2].revents != 0 { interruption.wakeUp.clear() }
        }
    }

    private var late: SwiftletError {
        SwiftletError(
            .deadlineExceeded, "the command timed out after \(seconds) s and was killed",
            operation: "exec in container",
            object: target.name)
    }

    private func abandon(_ exec: Exec, _ error: SwiftletError) throws(SwiftletError) -> SwiftletError {
        try exec.kill()
        guard try exec.cgroup.waitUntilEmpty(milliseconds: 5000) else {
            var error = error
            error.notes.append("processes survive SIGKILL in \(exec.cgroup.path)")
            return error
        }
        return error
    }
}

/// The reading end of a command's output.
private final class Capture {
    private let readEnd: OwnedDescriptor
    private var writeEnd: OwnedDescriptor?
    let writer: Int32
    private(set) var bytes: [UInt8] = []
    private var ended = false

    init() throws(SwiftletError) {
        let ends = try PipeEnds()
        try setNonBlocking(ends.read.raw)
        writer = ends.write.raw
        readEnd = ends.read
        let write = ends.write
        writeEnd = consume write
    }

    var reader: Int32 { readEnd.raw }

    /// The process has its own.
    func closeWriter() { writeEnd = nil }

    /// Until nothing more is there.
    func drain() throws(SwiftletError) {
        guard !ended else { return }
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(reader, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN { return }
                throw systemError(errno, "read output")
            }
            if count == 0 {
                ended = true
                return
            }
            bytes.append(contentsOf: chunk[..<min(count, ExecSync.outputLimit - bytes.count)])
        }
    }
}
