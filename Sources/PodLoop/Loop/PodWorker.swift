import CRI
import Errors
import KubeAPI

/// Looks after one pod, one step at a time: looks, plans, writes the status, acts, and looks again until there is nothing
/// to do.
actor PodWorker {
    let context: LoopContext
    private let observer: RuntimeObserver
    private let jitter: @Sendable (Int64) -> Int64
    var desired: DesiredPod
    var memory = PodMemory()
    private var volumes: [String: String]?
    /// What volumes show may have changed, also while the daemon was not running.
    private var volumesAreStale = true
    /// Texts of termination logs by container id, each read once.
    private var lastWords: [String: String] = [:]
    private var kill: (grace: Int64, running: PodKill)?
    private var probes = PodProbes()
    /// The postStart hook that runs now; a pod that is to end does not wait for it.
    var hook: Task<Result<Void, StartError>, Never>?
    private var mustWrite = false
    private var isGone = false
    var isActing = false
    private var timer: Task<Void, Never>?
    private let wakeUps: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation

    /// Seconds between two looks at a pod in which nothing happens.
    private static let resync: Int64 = 60
    /// Seconds until the runtime is asked again after it did not answer.
    private static let afterError: Int64 = 1

    init(_ desired: DesiredPod, context: LoopContext) {
        self.desired = desired
        self.context = context
        observer = RuntimeObserver(runtime: context.runtime)
        jitter = { $0 + Int64.random(in: 0...($0 / 2)) }
        (wakeUps, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        bell.yield()
    }

    nonisolated func wake() { bell.yield() }

    /// What is wanted from now on. A pod that has begun to end goes on ending.
    func update(_ wanted: DesiredPod) {
        var wanted = wanted
        if case .running = wanted, desired.grace != nil { return }
        if case .gone(let reference, let grace) = wanted, let pod = desired.pod {
            // The object is gone, and yet its spec tells how to end it well.
            wanted = .gone(reference, grace: min(grace, desired.grace ?? pod.spec.gracePeriodSeconds))
        }
        let before = desired
        desired = keepingStatus(wanted)
        shortenKill()
        if desired.grace != nil { hook?.cancel() }
        if same(before, desired) { return }
        // Labels and annotations may be files in a volume.
        volumesAreStale = true
        wake()
    }

    /// An object that the pod takes settings or storage from was made, changed or removed.
    func sourcesChanged() {
        memory.sourcesChanged()
        volumesAreStale = true
        wake()
    }

    /// The object was made anew: what was written of it is lost.
    func writeStatusAgain() {
        mustWrite = true
        wake()
    }

    func imagesChanged() {
        guard !memory.startFailures.isEmpty else { return }
        memory.imagesChanged()
        wake()
    }

    /// Returns when nothing of the pod is left, or when the task is cancelled.
    func run() async {
        for await _ in wakeUps {
            let next = await sync()
            if isGone { break }
            arm(next)
        }
        timer?.cancel()
        hook?.cancel()
        probes.follow([:]) { _, _ in }
    }

    // MARK: Probes

    private func followProbes(_ observed: ObservedPod) {
        memory.adoptHealth(observed, desired.pod?.status)
        memory.preStopped.formIntersection(observed.containers.map(\.id))
        guard let pod = desired.pod else { return probes.follow([:]) { _, _ in } }
        let isEnding = desired.grace != nil || pod.status?.phase?.isTerminal == true
        var wanted: [ProbeKey: ProbeLoop] = [:]
        for (container, seen, kind, probe) in wantedProbes(of: pod, observed, memory, isEnding: isEnding) {
            guard case .running(let startedAt) = seen.state else { continue }
            let sandbox = observed.sandboxes.first { $0.id == seen.sandboxID }
            let addresses = pod.spec.hostNetwork == true ? context.settings.addresses : sandbox?.addresses ?? []
            let attempts = ProbeAttempt(
                context: context, pod: pod, container: container, containerID: seen.id, addresses: addresses)
            wanted[ProbeKey(containerID: seen.id, kind: kind)] = ProbeLoop(
                kind: kind, probe: probe, attempts: attempts, startedAt: startedAt,
                verdict: memory.health[seen.id]?.verdicts[kind])
        }
        probes.follow(wanted) { [weak self] key, verdict in await self?.probed(key, verdict) }
    }

    private func probed(_ key: ProbeKey, _ verdict: Bool) {
        guard memory.health[key.containerID] != nil else { return }
        memory.health[key.containerID]?.verdicts[key.kind] = verdict
        wake()
    }

    private func mayPreStop(_ id: String) -> Bool { memory.preStopped.insert(id).inserted }

    // MARK: Waking

    private func arm(_ next: Timestamp) {
        timer?.cancel()
        let wait = max(0.01, next.timeInterval(since: context.now()))
        timer = Task { [bell] in
            do { try await Task.sleep(for: .seconds(wait)) } catch { return }
            bell.yield()
        }
    }

    /// The status that was written last is newer than any that comes from a watch, but for conditions of others.
    private func keepingStatus(_ wanted: DesiredPod) -> DesiredPod {
        guard let mine = desired.pod?.status, var pod = wanted.pod else { return wanted }
        let ours = Set(mine.conditions.map(\.type))
        var status = mine
        status.conditions += (pod.status?.conditions ?? []).filter { !ours.contains($0.type) }
        for (index, condition) in status.conditions.enumerated() where pod.spec.gates(condition.type) {
            if let theirs = pod.status?.condition(condition.type) { status.conditions[index] = theirs }
        }
        pod.status = status
        return wanted.with(pod)
    }

    /// Whether nothing differs that a plan depends on.
    private func same(_ left: DesiredPod, _ right: DesiredPod) -> Bool {
        guard left.grace == right.grace, let one = left.pod, let other = right.pod else { return left == right }
        return one.spec == other.spec && one.metadata.labels == other.metadata.labels
            && one.metadata.annotations == other.metadata.annotations
            && one.status?.conditions == other.status?.conditions
    }

    // MARK: One round

    private func sync() async -> Timestamp {
        // A runtime that forgets what it was told would keep this going for ever.
        for _ in 0..<64 {
            do {
                guard let wakeUp = try await round() else { continue }
                return min(wakeUp, context.now() + jitter(Self.resync))
            } catch is CancellationError {
                return context.now() + Self.resync
            } catch {
                context.log.warning("pod \(podText(desired.reference)): \(SwiftletError.wrapping(error))")
                return context.now() + jitter(Self.afterError)
            }
        }
        return context.now() + Self.afterError
    }

    /// Nil when there may be more to do at once, else when to come again.
    private func round() async throws -> Timestamp? {
        let observed = try await observe()
        try await admit(observed)
        await allocate()
        let asked = desired
        let wanted = asked.given(memory.allocation)
        followProbes(observed)
        if volumesAreStale { await refreshVolumes(wanted, observed) }
        memory.pressure = context.pressure.conditions
        let plan = context.reconciler.plan(wanted, observed: observed, memory: memory, now: context.now())
        memory = plan.memory
        isActing = !plan.actions.isEmpty
        defer { isActing = false }
        if let pod = wanted.pod {
            for event in plan.events { await context.record(event, pod: pod) }
        }
        if let status = plan.status { try await write(status) }
        if plan.status?.phase?.isTerminal == true, !observed.isAlive {
            await context.ledger.release(wanted.reference.uid)
        }
        if plan.actions.isEmpty { return plan.wakeUp ?? context.now() + Self.resync }
        for action in plan.actions {
            // What failed is remembered: the next plan says when to try again, and the status why.
            guard try await perform(action, wanted, observed) else { return nil }
            if isGone { return context.now() + Self.resync }
            // What was planned may not be wanted any more.
            if !same(asked, desired) || memory.eviction != plan.memory.eviction { return nil }
        }
        return nil
    }

    /// A volume that cannot be brought up to date stays as it is, until the object it wants changes again.
    private func refreshVolumes(_ wanted: DesiredPod, _ observed: ObservedPod) async {
        volumesAreStale = false
        guard case .running(let pod) = wanted, observed.isAlive, !memory.volumesAreDown,
            pod.spec.volumes.contains(where: \.isAlwaysReadOnly)
        else { return }
        do { volumes = try await VolumeSetUp(context: context).run(pod) } catch {
            await context.record(
                PlannedEvent(.warning, "FailedMount", SwiftletError.wrapping(error).description), pod: pod)
        }
    }

    private func observe() async throws -> ObservedPod {
        var observed = try await observer.observe(uid: desired.reference.uid)
        for index in observed.containers.indices {
            guard case .exited(var exit) = observed.containers[index].state, exit.message.isEmpty else { continue }
            exit.message = await lastWords(of: observed.containers[index], failed: exit.code != 0)
            observed.containers[index].state = .exited(exit)
        }
        return observed
    }

    private func lastWords(of container: ObservedContainer, failed: Bool) async -> String {
        if let text = lastWords[container.id] { return text }
        var text = ""
        do {
            text = try await context.volumes.readTerminationLog(
                container: container.name, attempt: container.attempt, pod: desired.reference)
            if text.isEmpty && failed && container.fallsBackToLog {
                text = try await context.volumes.readLogEnd(
                    container: container.name, attempt: container.attempt, pod: desired.reference)
            }
        } catch {
            context.log.warning("termination log of \(container.name): \(SwiftletError.wrapping(error))")
        }
        lastWords[container.id] = text
        return text
    }

    private func write(_ status: PodStatus) async throws {
        guard var pod = desired.pod, mustWrite || pod.status != status else { return }
        mustWrite = false
        do { try await context.cluster.updateStatus(status, of: pod.reference) } catch let error as SwiftletError
            where error.code == .notFound
        {
            // Its deletion is on the way here.
            context.log.debug("status of \(podText(pod.reference)) has no object any more")
        }
        pod.status = status
        desired = desired.with(pod)
    }

    // MARK: Acting

    /// False when it failed and the plan ends here. Throws when the runtime does not answer.
    private func perform(_ action: PodAction, _ wanted: DesiredPod, _ observed: ObservedPod) async throws -> Bool {
        let killer = PodKill(
            context: context, reference: wanted.reference, pod: wanted.pod, observed: observed,
            mayPreStop: { [weak self] id in await self?.mayPreStop(id) ?? false })
        switch action {
        case .stopSandbox(let id): try await killer.stopSandbox(id)
        case .createSandbox(let attempt):
            guard let pod = wanted.pod else { return false }
            return await createSandbox(pod, attempt: attempt)
        case .startContainer(let name, let attempt, let sandboxID):
            guard let pod = wanted.pod else { return false }
            await start(name, attempt, observed.sandboxes.first { $0.id == sandboxID }, pod)
        case .killContainer(let id, let name, let why, let grace):
            guard let container = observed.containers.first(where: { $0.id == id && $0.name == name }) else {
                return false
            }
            await killer.announce(container, why: why)
            try await killer.end(container, grace: grace)
        case .resize(let ids, let sandboxID):
            guard let pod = wanted.pod else { return false }
            return await resize(pod, sandboxID, observed.containers.filter { ids.contains($0.id) })
        case .killPod(let grace):
            kill = (grace, killer)
            defer { kill = nil }
            try await killer.run(grace: grace)
        case .tearDownVolumes:
            try await context.volumes.tearDown(wanted.reference)
            volumes = nil
            memory.volumesAreDown = true
        case .removeSandbox(let id):
            var request = CRIRemovePodSandboxRequest()
            request.podSandboxID = id
            _ = try await context.runtime.removePodSandbox(request)
        case .removeContainer(let id):
            var request = CRIRemoveContainerRequest()
            request.containerID = id
            _ = try await context.runtime.removeContainer(request)
            lastWords[id] = nil
            if let container = observed.containers.first(where: { $0.id == id }) {
                try await context.volumes.removeFiles(
                    container: container.name, attempt: container.attempt, pod: wanted.reference)
            }
        case .removeObject: try await remove(wanted)
        }
        return true
    }

    private func remove(_ wanted: DesiredPod) async throws {
        try await context.volumes.remove(wanted.reference)
        await context.users.release(wanted.reference.uid)
        // Before the object goes: who waits for that makes the next one.
        await context.ledger.release(wanted.reference.uid)
        if wanted.pod != nil { try await context.cluster.removePod(wanted.reference) }
        isGone = true
    }

    /// A kill under way is told of a shorter grace; the first signal has been sent already.
    private func shortenKill() {
        guard let kill, let grace = desired.grace, grace < kill.grace else { return }
        self.kill?.grace = grace
        let killer = kill.running
        killer.hooks.cut()
        let log = context.log
        Task {
            do { try await killer.stop(killer.observed.containers.filter(\.isRunning), grace: grace) } catch {
                log.warning("stop pod \(podText(killer.reference)) sooner: \(SwiftletError.wrapping(error))")
            }
        }
    }

    private func createSandbox(_ pod: Pod, attempt: UInt32) async -> Bool {
        memory.sandboxRetryAt = context.now() + jitter(PodMemory.retryDelay)
        do { try await context.settings.checkProfiles(of: pod) } catch {
            await sandboxFailed("FailedCreatePodSandBox", error.description, pod)
            return false
        }
        memory.volumesAreDown = false
        do { volumes = try await VolumeSetUp(context: context).run(pod) } catch {
            await sandboxFailed("FailedMount", SwiftletError.wrapping(error).description, pod)
            return false
        }
        do {
            var request = CRIRunPodSandboxRequest()
            request.config = try SandboxConversion(
                pod: pod, node: context.settings, users: try await context.users.range(for: pod)
            ).config(attempt: attempt)
            _ = try await context.runtime.runPodSandbox(request)
        } catch {
            let message = "Failed to create pod sandbox: \(SwiftletError.wrapping(error))"
            await sandboxFailed("FailedCreatePodSandBox", message, pod)
            return false
        }
        memory.sandboxFailure = nil
        memory.sandboxRetryAt = nil
        return true
    }

    private func sandboxFailed(_ reason: String, _ message: String, _ pod: Pod) async {
        memory.sandboxFailure = message
        await context.record(PlannedEvent(.warning, reason, message), pod: pod)
    }

    private func start(_ name: String, _ attempt: UInt32, _ sandbox: ObservedSandbox?, _ pod: Pod) async {
        guard let sandbox, let container = pod.container(name)?.container else { return }
        do {
            if volumes == nil { volumes = try await VolumeSetUp(context: context).run(pod) }
        } catch {
            let error = SwiftletError.wrapping(error)
            await context.record(PlannedEvent(.warning, "FailedMount", error.description), pod: pod)
            memory.failed(name, image: container.image ?? "", .containerConfig, error.description, at: context.now())
            return
        }
        let start = ContainerStart(
            context: context, pod: pod, container: container, attempt: attempt, sandbox: sandbox,
            volumes: volumes ?? [:])
        do {
            try await postStart(start, try await start.run())
            memory.started(name)
        } catch {
            memory.failed(name, image: container.image ?? "", error.reason, error.message, at: context.now())
        }
    }
}

extension PodWorker {
    /// Containers that come later wait for it; the pod's end does not.
    private func postStart(_ start: ContainerStart, _ id: String) async throws(StartError) {
        guard start.container.lifecycle?.postStart != nil, desired.grace == nil else { return }
        let task = Task { () async -> Result<Void, StartError> in
            do throws(StartError) { return .success(try await start.postStart(id)) } catch { return .failure(error) }
        }
        hook = task
        defer { hook = nil }
        try await task.value.get()
    }
}
