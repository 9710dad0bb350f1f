import Errors
import Glibc
import Launch
import LinuxSystem
import Streaming
import Synchronization

/// An interactive exec: a process in the container, its streams bridged to a client.
struct ExecSession: Sendable {
    let target: ExecTarget
    let command: [String]
    let terminal: Bool
    let input: Bool
    let output: Bool
    let errors: Bool
    let readiness: Readiness

    func serve(_ session: StreamSession) async throws -> StreamResult {
        let end = ExecEnd()
        let exec: Exec
        let streams: BridgedStreams
        switch try await target.context.threads.run({ try start(end) }) {
        case .started(let startedExec, let startedStreams):
            exec = startedExec
            streams = startedStreams
        case .refused(let failure):
            guard failure.exitCode == 126 || failure.exitCode == 127 else {
                throw failure.error("exec in container", target.name)
            }
            // As a shell answers for a command it cannot find or run.
            try await session.write(Array("\(failure.text)\n".utf8), to: terminal || !errors ? .stdout : .stderr)
            return StreamResult(exitCode: failure.exitCode)
        }
        let bridge = StreamBridge(streams: streams, session: session)
        let exit = try await withTaskCancellationHandler {
            try await bridge.run { await end.wait() }
        } onCancel: {
            // The client is gone. Closing the streams is all that is said to the process: SIGHUP by its terminal, the
            // end of its input, SIGPIPE. What lives on has its clean-up coming when it ends.
            end.cancel()
        }
        guard let exit else { return .failure(SwiftletError(.cancelled, "the client went away")) }
        target.context.threads.start { exec.discard() }
        return StreamResult(exitCode: exit.code)
    }

    private enum Started {
        case started(Exec, BridgedStreams)
        case refused(LaunchFailure)
    }

    private func start(_ end: ExecEnd) throws(SwiftletError) -> Started {
        let exec = try Exec(target)
        let context = target.context
        context.execs.expect(exec.id, in: target.sandboxID) { exit in
            // Nobody waits when the client went away before.
            if !end.post(exit) { context.threads.start { exec.discard() } }
        }
        do throws(SwiftletError) {
            return terminal ? try startTerminal(exec) : try startPipes(exec)
        } catch {
            context.execs.forget(exec.id)
            exec.discard()
            throw error
        }
    }

    private func startTerminal(_ exec: Exec) throws(SwiftletError) -> Started {
        // Until the client tells its size.
        let plan = try exec.plan(command, terminal: .init(columns: 80, rows: 24))
        switch try exec.start(plan, descriptors: []) {
        case .failed(let failure): return refused(exec, failure)
        case .started(let master):
            guard let master else {
                throw SwiftletError(
                    .internal, "the shim sent no terminal", operation: "exec in container", object: target.name)
            }
            let stream = try StreamDescriptor(master, readiness)
            return .started(
                exec,
                BridgedStreams(
                    input: input ? try stream.duplicate() : nil, output: stream, errors: nil, terminal: stream))
        }
    }

    private func startPipes(_ exec: Exec) throws(SwiftletError) -> Started {
        let null = try openFile("/dev/null", O_RDWR)
        let inputPipe = try PipeEnds()
        let outputPipe = try PipeEnds()
        let errorPipe = try PipeEnds()
        let descriptors = [
            input ? inputPipe.read.raw : null.raw, output ? outputPipe.write.raw : null.raw,
            errors ? errorPipe.write.raw : null.raw,
        ]
        let plan = try exec.plan(command, terminal: nil)
        if case .failed(let failure) = try exec.start(plan, descriptors: descriptors) { return refused(exec, failure) }
        // The process has its ends; ours of them close here, so that its last close is seen.
        return .started(
            exec,
            BridgedStreams(
                input: input ? try .writer(inputPipe, readiness) : nil,
                output: output ? try .reader(outputPipe, readiness) : nil,
                errors: errors ? try .reader(errorPipe, readiness) : nil, terminal: nil))
    }

    private func refused(_ exec: Exec, _ failure: LaunchFailure) -> Started {
        target.context.execs.forget(exec.id)
        exec.discard()
        return .refused(failure)
    }
}

/// The end of an exec, waited for by a task that may give up.
final class ExecEnd: Sendable {
    private enum State {
        case open
        case waiting(CheckedContinuation<ExitRecord?, Never>)
        case ended(ExitRecord)
        case cancelled
    }

    private let state = Mutex(State.open)

    /// False when the waiting was given up before.
    func post(_ exit: ExitRecord) -> Bool {
        let (taken, continuation) = state.withLock { state -> (Bool, CheckedContinuation<ExitRecord?, Never>?) in
            switch state {
            case .cancelled: return (false, nil)
            case .open, .ended:
                state = .ended(exit)
                return (true, nil)
            case .waiting(let continuation):
                state = .ended(exit)
                return (true, continuation)
            }
        }
        continuation?.resume(returning: exit)
        return taken
    }

    func cancel() {
        let continuation = state.withLock { state -> CheckedContinuation<ExitRecord?, Never>? in
            switch state {
            case .ended, .cancelled: return nil
            case .open:
                state = .cancelled
                return nil
            case .waiting(let continuation):
                state = .cancelled
                return continuation
            }
        }
        continuation?.resume(returning: nil)
    }

    /// nil when given up.
    func wait() async -> ExitRecord? {
        await withCheckedContinuation { continuation in
            let known = state.withLock { state -> ExitRecord?? in
                switch state {
                case .ended(let exit): return .some(exit)
                case .cancelled: return .some(nil)
                case .open, .waiting:
                    state = .waiting(continuation)
                    return .none
                }
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}
