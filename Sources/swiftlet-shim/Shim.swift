import Errors
import Glibc
import Launch
import LinuxSystem

/// The pod's holder: its namespaces, its processes, and the daemon's connections.
final class Shim {
    private static let connectionLimit = 64

    private let loop: EventLoop
    private var listener: SharedDescriptor?
    private var connections: [ClientConnection] = []
    private var sandbox: Sandbox?
    /// Those that live, by id, containers and execs alike.
    private var processes: [String: ManagedProcess] = [:]
    /// Those that have ended and were not forgotten.
    private var ended: [String: ProcessState] = [:]
    /// Of containers that have ended: others still hold their output open, or the log could not take all of it yet.
    private var lingering: [String: ContainerIO] = [:]
    /// Set by `shutDown`: nothing new starts, and when all have ended the shim ends.
    private var isLeaving = false
    /// Who asked for it and waits for the answer.
    private var leaveAsker: ClientConnection?

    init(_ loop: EventLoop) { self.loop = loop }

    func listen(_ socket: consuming OwnedDescriptor) throws(SwiftletError) {
        try socket.setInherited(false)
        try setNonBlocking(socket.raw)
        let shared = SharedDescriptor(socket)
        listener = shared
        _ = try loop.watch(shared.raw, .input) { [unowned self] _ in accept(shared.raw) }
    }

    private func accept(_ listener: Int32) {
        guard let socket = acceptConnection(listener) else { return }
        do throws(SwiftletError) {
            guard try UnixSocket.peerUser(socket.raw) == geteuid() else {
                throw SwiftletError(.permissionDenied, "a connection from another user")
            }
            guard connections.count < Shim.connectionLimit else {
                throw SwiftletError(.resourceExhausted, "\(Shim.connectionLimit) connections are open already")
            }
            connections.append(
                try ClientConnection(
                    socket, loop,
                    onRequest: { [unowned self] in handle($1, $2, from: $0) },
                    onClose: { [unowned self] closed in
                        connections.removeAll { $0 === closed }
                        if leaveAsker === closed { leaveAsker = nil }
                    }))
        } catch { complain(error.during("accept").description) }
    }

    /// `descriptors` are ours to close.
    private func handle(_ request: ShimRequest, _ descriptors: [Int32], from client: ClientConnection) {
        let owned = descriptors.map { SharedDescriptor(OwnedDescriptor(owning: $0)) }
        do throws(StepFailure) {
            switch request {
            case .setUp(let plan):
                client.reply(try setUp(plan))
                sandbox?.settle()
            case .start(let plan): try start(plan, for: client)
            case .exec(let plan): try exec(plan, owned, for: client)
            case .signal(let id, let number):
                try done(client, "signal \(id)") { () throws(SwiftletError) in try live(id).process.signal(number) }
            case .attach(let id, let input, let output, let error):
                try done(client, "attach to \(id)") { () throws(SwiftletError) in
                    try io(id).attach(input: input, output: output, error: error, owned)
                }
            case .resize(let id, let size):
                try done(client, "resize \(id)") { () throws(SwiftletError) in try io(id).resize(size) }
            case .reopenLog(let id):
                try done(client, "reopen log of \(id)") { () throws(SwiftletError) in try io(id).reopenLog() }
            case .state: client.reply(.state(processes.values.map(\.summary) + ended.values))
            case .subscribe: subscribe(client)
            case .forget(let id): try done(client, "forget \(id)") { () throws(SwiftletError) in try forget(id) }
            case .shutDown: shutDown(for: client)
            }
        } catch {
            client.reply(.failed(error.failure))
        }
    }

    private func done(_ client: ClientConnection, _ name: String, _ body: () throws(SwiftletError) -> Void)
        throws(StepFailure)
    {
        try step(name, body)
        client.reply(.done)
    }

    private func setUp(_ plan: SandboxPlan) throws(StepFailure) -> ShimReply {
        guard sandbox == nil else {
            throw StepFailure("set up", SwiftletError(.alreadyExists, "it has been set up before", errno: EALREADY))
        }
        sandbox = try Sandbox(plan)
        return .ready(pid: getpid())
    }

    private func subscribe(_ client: ClientConnection) {
        client.reply(.done)
        client.subscribe()
        for state in ended.values {
            if let record = state.exit { client.send(.exited(id: state.id, isExec: state.isExec, record)) }
        }
    }

    private func forget(_ id: String) throws(SwiftletError) {
        guard processes[id] == nil else {
            throw SwiftletError(.failedPrecondition, "it still runs", object: printable(id), errno: EBUSY)
        }
        ended[id] = nil
    }

    private func live(_ id: String) throws(SwiftletError) -> ManagedProcess {
        if let process = processes[id] { return process }
        guard ended[id] == nil else {
            throw SwiftletError(.failedPrecondition, "it has ended", object: printable(id), errno: ESRCH)
        }
        throw SwiftletError(.notFound, "no such process", object: printable(id), errno: ESRCH)
    }

    private func io(_ id: String) throws(SwiftletError) -> ContainerIO {
        if let io = lingering[id] { return io }
        guard let io = try live(id).io else { throw .invalid("an exec, not a container", object: printable(id)) }
        return io
    }
}

// MARK: - Launching

extension Shim {
    private func start(_ plan: LaunchPlan, for client: ClientConnection) throws(StepFailure) {
        let sandbox = try ready(plan.id)
        let launcher = Launcher(loop: loop, sandbox: sandbox)
        let target: ManagedProcess?
        if case .target(let id) = plan.pidNamespace {
            target = try step("join the PID namespace of \(id)") { () throws(SwiftletError) in try live(id) }
        } else {
            target = nil
        }
        do throws(StepFailure) {
            processes[plan.id] = try launcher.start(
                plan, pidOf: target,
                onStarted: { [unowned self] _ in client.reply(.started(pid: processes[plan.id]?.process.pid ?? 0)) },
                onEnded: { [unowned self] process, exit, failure in
                    containerEnded(process, exit, failure, plan.recordDirectory, client)
                })
        } catch {
            let now = wallClockNanoseconds()
            let record = ExitRecord(
                code: error.failure.exitCode, signal: 0, startedAt: 0, finishedAt: now, failure: error.failure)
            keep(record, plan.recordDirectory)
            throw error
        }
    }

    private func exec(_ plan: ExecPlan, _ descriptors: [SharedDescriptor], for client: ClientConnection)
        throws(StepFailure)
    {
        let sandbox = try ready(plan.id)
        let container = try step("exec in \(plan.containerID)") { () throws(SwiftletError) in try live(plan.containerID)
        }
        guard container.isRunning, container.io != nil else {
            let error = SwiftletError(.failedPrecondition, "it is not running", object: printable(plan.containerID))
            throw StepFailure("exec in \(plan.containerID)", error)
        }
        var descriptors = descriptors
        let report = plan.reportsExit ? descriptors.popLast() : nil
        processes[plan.id] = try Launcher(loop: loop, sandbox: sandbox).exec(
            plan, in: container, descriptors,
            onStarted: { [unowned self] master in
                client.reply(.started(pid: processes[plan.id]?.process.pid ?? 0), descriptor: master)
            },
            onEnded: { [unowned self] process, exit, failure in
                ended(process, exit, failure, client, report) { _ in }
            })
    }

    private func ready(_ id: String) throws(StepFailure) -> Sandbox {
        guard let sandbox, !isLeaving else {
            throw StepFailure("start \(id)", SwiftletError(.failedPrecondition, "the sandbox is not set up"))
        }
        guard processes[id] == nil, ended[id] == nil else {
            throw StepFailure("start \(id)", SwiftletError(.alreadyExists, "the id is in use", errno: EEXIST))
        }
        return sandbox
    }

    private func containerEnded(
        _ process: ManagedProcess, _ exit: ProcessExit, _ failure: LaunchFailure?, _ recordDirectory: String,
        _ client: ClientConnection
    ) {
        if let io = process.io {
            io.processEnded()
            if failure == nil, !io.isFinished {
                lingering[process.id] = io
                io.onFinished = { [unowned self, id = process.id] in lingering[id] = nil }
            }
        }
        ended(process, exit, failure, client, nil) { keep($0, recordDirectory) }
    }

    private func ended(
        _ process: ManagedProcess, _ exit: ProcessExit, _ failure: LaunchFailure?, _ client: ClientConnection,
        _ report: SharedDescriptor?, _ keep: (ExitRecord) -> Void
    ) {
        let record = ExitRecord(
            code: failure?.exitCode ?? exit.code, signal: failure == nil ? exit.signal : 0,
            startedAt: failure == nil ? process.startedAt : 0, finishedAt: wallClockNanoseconds(), failure: failure)
        keep(record)
        processes[process.id] = nil
        if let failure { client.reply(.failed(failure)) }
        // Of an exec that did not start the reply has told it all, of one with a descriptor for it that.
        if failure == nil || !process.isExec, !write(record, to: report) {
            ended[process.id] = process.summary(record)
            let event = ShimEvent.exited(id: process.id, isExec: process.isExec, record)
            for connection in connections where connection.subscribed { connection.send(event) }
        }
        leaveIfDone()
    }

    /// False when there is nobody to read it: then it is told as any other.
    private func write(_ record: ExitRecord, to report: SharedDescriptor?) -> Bool {
        guard let report else { return false }
        let bytes = record.encoded
        return Glibc.write(report.raw, bytes, bytes.count) == bytes.count
    }

    private func keep(_ record: ExitRecord, _ directory: String) {
        do throws(SwiftletError) { try ExitFile.write(record, recordDirectory: directory) } catch {
            complain(error.description)
        }
    }
}

// MARK: - Leaving

extension Shim {
    private func shutDown(for client: ClientConnection) {
        isLeaving = true
        leaveAsker = client
        for process in processes.values {
            // ESRCH: it ended this moment, and its event is on the way.
            do throws(SwiftletError) { try process.process.signal(SIGKILL) } catch {
                if error.errno != ESRCH { complain(error.description) }
            }
        }
        leaveIfDone()
    }

    private func leaveIfDone() {
        guard isLeaving, processes.isEmpty else { return }
        sandbox?.end()
        guard let client = leaveAsker else { return loop.stop() }
        client.reply(.done)
        client.whenDrained { [loop] in loop.stop() }
    }
}
