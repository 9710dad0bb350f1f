import CRI
import Errors
import Glibc
import Launch
import LinuxSystem

/// A command run to its end with its output kept: CRI's ExecSync. Blocks a thread.
struct ExecSync: Sendable {
    let target: ExecTarget
    let command: [String]
    /// 0 for none.
    let seconds: Int64
    let interruption: Interruption

    /// What CRI wants kept of each stream; the rest is read and dropped.
    static let outputLimit = 16 << 20

    /// How the waiting thread learns of a client that went away.
    final class Interruption: Sendable {
        let wakeUp: WakeUp

        init() throws(SwiftletError) { wakeUp = try WakeUp() }

        func cancel() { wakeUp.signal() }
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
            exec.discard(forgotten: true)
            throw error
        }
    }

    private func run(_ exec: Exec) throws(SwiftletError) -> CRIExecSyncResponse {
        let output = try Capture()
        let errors = try Capture()
        let ending = try Capture()
        let null = try openFile("/dev/null", O_RDONLY)
        let plan = try exec.plan(command, terminal: nil, reportsExit: true)
        let deadline = seconds > 0 ? monotonicNanoseconds() + min(seconds, 1 << 30) * 1_000_000_000 : nil
        switch try exec.start(plan, descriptors: [null.raw, output.writer, errors.writer, ending.writer]) {
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
        ending.closeWriter()
        let exit = try wait(exec, output, errors, ending, deadline)
        return .with {
            $0.exitCode = exit.code
            $0.stdout.append(contentsOf: output.bytes)
            $0.stderr.append(contentsOf: errors.bytes)
        }
    }

    private func wait(
        _ exec: Exec, _ output: Capture, _ errors: Capture, _ ending: Capture, _ deadline: Int64?
    ) throws(SwiftletError) -> ExitRecord {
        while true {
            var items = [output.reader, errors.reader, ending.reader, interruption.wakeUp.raw].map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            var patience: Int32 = -1
            if let deadline {
                let left = (deadline - monotonicNanoseconds() + 999_999) / 1_000_000
                if left <= 0 { throw try abandon(exec, late) }
                patience = Int32(clamping: left)
            }
            _ = try retrying("poll") { poll(&items, 4, patience) }
            if items[0].revents != 0 { try output.drain() }
            if items[1].revents != 0 { try errors.drain() }
            if items[2].revents != 0 {
                // What it wrote is in the pipes by now; a process it left behind may hold them open for ever.
                try output.drain()
                try errors.drain()
                try ending.drain()
                return try exit(ending)
            }
            if items[3].revents != 0 { throw try abandon(exec, SwiftletError(.cancelled, "the caller went away")) }
        }
    }

    private func exit(_ ending: Capture) throws(SwiftletError) -> ExitRecord {
        guard ending.bytes.isEmpty else { return try ExitRecord(decoding: ending.bytes) }
        // The shim ended, and with it goes everything in its pod by SIGKILL.
        let now = wallClockNanoseconds()
        return ExitRecord(code: 137, signal: 9, startedAt: now, finishedAt: now)
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

    /// -1, which poll(2) passes over, once it has ended.
    var reader: Int32 { ended ? -1 : readEnd.raw }

    /// The process has its own.
    func closeWriter() { writeEnd = nil }

    /// Until nothing more is there.
    func drain() throws(SwiftletError) {
        guard !ended else { return }
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(readEnd.raw, &chunk, chunk.count)
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
