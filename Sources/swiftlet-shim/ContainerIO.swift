import Errors
import Glibc
import Launch
import LinuxSystem

/// The shim's side of a container's standard streams.
final class ContainerIO {
    private let plan: StandardIOPlan
    private let loop: EventLoop
    private let log: ContainerLog
    private var output: OutputPump?
    private var error: OutputPump?
    private var input: InputSink?
    /// Of a terminal: it, and its other end, held so that it does not hang up while the main process runs.
    private var master: SharedDescriptor?
    private var slave: OwnedDescriptor?

    init(_ plan: StandardIOPlan, _ loop: EventLoop) throws(SwiftletError) {
        self.plan = plan
        self.loop = loop
        log = try ContainerLog(path: plan.logPath, loop)
        log.onResume = { [weak self] in
            self?.resume()
            self?.reportIfFinished()
        }
    }

    /// The ends for the process; a terminal is opened by the process itself, in its own /dev/pts.
    func makeChildEnds() throws(SwiftletError) -> ChildStreams {
        guard !plan.terminal else { return ChildStreams() }
        let outputPipe = try PipeEnds()
        let errorPipe = try PipeEnds()
        var streams = ChildStreams()
        streams.output = SharedDescriptor(outputPipe.write)
        streams.error = SharedDescriptor(errorPipe.write)
        output = try pump(SharedDescriptor(outputPipe.read), .output)
        error = try pump(SharedDescriptor(errorPipe.read), .error)
        if plan.standardInput {
            let inputPipe = try PipeEnds()
            streams.input = SharedDescriptor(inputPipe.read)
            input = try sink(SharedDescriptor(inputPipe.write), terminal: false)
        }
        return streams
    }

    /// The terminal the process has opened.
    func adopt(master descriptor: SharedDescriptor) throws(SwiftletError) {
        guard plan.terminal else { throw .invalid("a terminal nobody asked for") }
        slave = try Terminal.peer(of: descriptor.raw)
        master = descriptor
        output = try pump(descriptor, .output)
        if plan.standardInput { input = try sink(descriptor, terminal: true) }
        resume()
    }

    func resume() {
        output?.resume()
        error?.resume()
    }

    /// `descriptors` are those wanted, in the order input, output, error.
    func attach(
        input wantsInput: Bool, output wantsOutput: Bool, error wantsError: Bool, _ descriptors: [SharedDescriptor]
    )
        throws(SwiftletError)
    {
        guard descriptors.count == [wantsInput, wantsOutput, wantsError].count(where: { $0 }) else {
            throw .invalid("\(descriptors.count) descriptors came with it", object: "attach")
        }
        guard !wantsInput || plan.standardInput else {
            throw SwiftletError(
                .failedPrecondition, "the container has no standard input", errno: EINVAL,
                hint: "set stdin: true in the container's manifest")
        }
        guard !wantsError || !plan.terminal else {
            throw .invalid("a terminal has no separate error stream", object: "attach")
        }
        var next = descriptors.makeIterator()
        if wantsInput, let descriptor = next.next() { try input?.attach(try duplicateDescriptor(descriptor.raw)) }
        if wantsOutput, let descriptor = next.next() { try output?.attach(try duplicateDescriptor(descriptor.raw)) }
        if wantsError, let descriptor = next.next() { try error?.attach(try duplicateDescriptor(descriptor.raw)) }
    }

    func resize(_ size: TerminalSize) throws(SwiftletError) {
        guard let master else {
            throw SwiftletError(
                .failedPrecondition, "the container has no terminal", operation: "resize", errno: ENOTTY)
        }
        try setTerminalSize(master.raw, size)
    }

    func reopenLog() throws(SwiftletError) { try log.reopen() }

    /// The main process has ended: everything it wrote goes into the log, then attached clients are let go. A stream that
    /// others still hold open is read on.
    func processEnded() {
        slave = nil
        output?.drain()
        error?.drain()
        output?.finishAttachments()
        error?.finishAttachments()
        input?.close()
    }

    /// Nothing more can come, and all of it is in the log and with those who were attached.
    var isFinished: Bool { !log.isStalled && output?.isDone != false && error?.isDone != false }

    /// Called when it is finished, after the process has ended.
    var onFinished: () -> Void = {}

    private func reportIfFinished() {
        if isFinished { onFinished() }
    }

    private func pump(_ source: SharedDescriptor, _ stream: LogEncoder.Stream) throws(SwiftletError) -> OutputPump {
        let pump = try OutputPump(source, stream, log, loop)
        pump.onEnd = { [weak self] in self?.reportIfFinished() }
        return pump
    }

    private func sink(_ target: SharedDescriptor, terminal: Bool) throws(SwiftletError) -> InputSink {
        let sink = try InputSink(target, terminal: terminal, closesAfterFirst: plan.standardInputOnce, loop)
        sink.onClose = { [weak self] in self?.input = nil }
        return sink
    }
}

/// What a new process gets as 0, 1 and 2; nil is /dev/null.
struct ChildStreams {
    var input: SharedDescriptor?
    var output: SharedDescriptor?
    var error: SharedDescriptor?
}
