import CRI
import Cgroups
import Errors
import Launch
import LinuxSystem
import Logging
import Synchronization

/// One pod sandbox with its containers. Everything that changes it runs here, one after the other, on a queue of its
/// own where calls may block; looking goes by `view` and never waits.
actor Pod {
    enum State {
        case ready(ShimConnection)
        /// Being stopped: the shim was told to end, and losing it is no surprise.
        case stopping
        case stopped
    }

    nonisolated let id: String
    nonisolated let context: RuntimeContext
    nonisolated let directory: String
    private nonisolated let executor: PodExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private nonisolated let published: Mutex<PodView>
    nonisolated var view: PodView { published.withLock { $0 } }

    var record: SandboxRecord
    var state: State
    var containers: [String: Container] = [:]
    var stopWaiters: [CheckedContinuation<Void, Never>] = []

    /// A pod that runs already: made by `Pod.run` or found by recovery.
    init(record: SandboxRecord, shim: ShimConnection?, context: RuntimeContext) {
        id = record.id
        self.record = record
        self.context = context
        directory = "\(context.configuration.sandboxes)/\(record.id)"
        executor = PodExecutor(record.id)
        state = shim.map { .ready($0) } ?? .stopped
        published = Mutex(PodView(sandbox: record, isReady: shim != nil, shim: shim, containers: [:]))
    }

    var cgroup: Cgroup { Cgroup(path: record.cgroup) }

    nonisolated func containerDirectory(_ id: String) -> String { "\(directory)/containers/\(id)" }

    /// Makes what changed visible. Every change ends with it.
    func publish() {
        var shim: ShimConnection?
        if case .ready(let connection) = state { shim = connection }
        let view = PodView(
            sandbox: record, isReady: shim != nil, shim: shim, containers: containers.mapValues(\.view))
        published.withLock { $0 = view }
    }

    func shim() throws(SwiftletError) -> ShimConnection {
        guard case .ready(let shim) = state else {
            throw SwiftletError(
                .failedPrecondition, "it is not ready any more", object: "sandbox \(id)", hint: "make a new sandbox")
        }
        return shim
    }

    func container(_ id: String) throws(SwiftletError) -> Container {
        guard let container = containers[id] else { throw .notFound("container", id) }
        return container
    }

    func save() throws { try Files.replace("\(directory)/\(SandboxRecord.fileName)", record.serialized()) }

    func save(_ container: Container) throws {
        try Files.replace("\(container.directory)/\(ContainerRecord.fileName)", container.record.serialized())
    }

    /// For what cannot be told to anybody any more but the log.
    func warn(_ what: String, _ error: any Error) {
        context.logger.warning(
            "\(what)", metadata: ["sandbox": "\(id)", "error": "\(SwiftletError.wrapping(error))"])
    }

    func announce(_ type: CRIContainerEventType, _ subject: String) {
        guard context.events.hasListeners else { return }
        let view = view
        context.events.send(
            .with {
                $0.containerID = subject
                $0.containerEventType = type
                $0.createdAt = wallClockNanoseconds()
                $0.podSandboxStatus = view.sandboxStatus
                $0.containersStatuses = view.containers.values.map(\.record.status).sorted { $0.id < $1.id }
            })
    }
}

/// A container as its pod keeps it.
struct Container {
    static let planFile = "plan"

    var record: ContainerRecord
    let directory: String
    let cgroup: Cgroup
    var plan: LaunchPlan
    /// The stop signal was sent: it is sent once.
    var signalled = false
    var waiters: [UInt64: CheckedContinuation<Bool, Never>] = [:]

    var view: ContainerView {
        ContainerView(record: record, cgroup: cgroup, process: plan.process, terminal: plan.io.terminal)
    }
}
