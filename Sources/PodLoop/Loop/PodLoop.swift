import CRI
import Errors
import KubeAPI
import Logging

/// The control loop: keeps what the runtime runs like what the API and the manifests folder want.
///
/// It reaches the runtime only through its service protocols. One worker a pod does the work; this actor tells the workers
/// what is wanted and wakes them when something happened.
public actor PodLoop {
    let context: LoopContext
    private let observer: RuntimeObserver
    private let manifests: (any ManifestSource)?
    private let gauge: (any NodeGauge)?
    var workers: [String: PodWorker] = [:]
    private var tasks: [String: Task<Void, Never>] = [:]
    /// By uid; without the mirrors of static pods.
    var wanted: [String: Pod] = [:]
    var statics = StaticPods()
    var knowsPods = false
    var knowsManifests = false
    private var runtimeStates: [PodReference: String] = [:]
    /// Lists are numbered, for a worker may end while one is under way that still shows its pod.
    private var listsBegun = 0
    var newestList = 0
    private var endedDuring: [String: Int] = [:]
    /// Uids of pods that were ended and removed, and whose last changes may still be on their way here.
    private var finished: Set<String> = []
    private var eventsFlow = false
    /// The claims that pods use, by uid, as long as anything of the pod is left.
    var claimUsers: [String: Set<SourceReference>] = [:]
    /// Claims that go as soon as nobody uses them.
    var deletedClaims: [SourceReference: DeletedClaim] = [:]

    /// `now` reads the machine's clock. Without `manifests` there are no static pods, without a gauge nothing is ever short.
    public init(
        settings: NodeSettings, cluster: any ClusterAPI, runtime: any RuntimeService & ImageService,
        volumes: any VolumeManager, cgroups: (any CgroupManager)? = nil, manifests: (any ManifestSource)?,
        gauge: (any NodeGauge)? = nil,
        now: @escaping @Sendable () -> Timestamp,
        log: Logger
    ) {
        context = LoopContext(
            settings: settings, cluster: cluster, runtime: runtime, volumes: volumes,
            users: UserNamespaces(ids: settings.userIDs, volumes: volumes, runtime: runtime),
            ledger: NodeLedger(settings: settings, cluster: cluster, cgroups: cgroups, log: log),
            reconciler: Reconciler(
                hostAddresses: settings.addresses, admission: settings.admission,
                deadContainersKept: settings.deadContainersKept), now: now,
            log: log)
        observer = RuntimeObserver(runtime: runtime)
        self.manifests = manifests
        self.gauge = gauge
        knowsManifests = manifests == nil
    }

    /// Runs until its task is cancelled. Pods run on when it ends.
    public func run() async {
        await context.ledger.onRoom { [weak self] in await self?.roomCame() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.followPods() }
            group.addTask { await self.followSources() }
            group.addTask { await self.followRuntime() }
            group.addTask { await self.relistForEver() }
            group.addTask { await LogRotation(context: self.context, limits: self.context.settings.logLimits).run() }
            group.addTask { await NodeReporter(context: self.context).run() }
            if let gauge = self.gauge { group.addTask { await self.followPressure(gauge) } }
            if let manifests { group.addTask { await self.follow(manifests) } }
            await group.waitForAll()
        }
        for task in tasks.values { task.cancel() }
        for task in tasks.values { await task.value }
    }

    /// Images were loaded: pods that wait for one try at once.
    public func imagesChanged() async {
        for worker in workers.values { await worker.imagesChanged() }
    }

    private func roomCame() async {
        for worker in workers.values { await worker.roomCame() }
    }

    // MARK: The API

    private func followPods() async {
        while !Task.isCancelled {
            do {
                for try await change in context.cluster.watchPods() { await take(change) }
            } catch {
                context.log.warning("watch pods: \(SwiftletError.wrapping(error))")
            }
            await pause(.seconds(1))
        }
    }

    private func take(_ change: PodChange) async {
        switch change {
        case .all(let pods):
            let uids = Set(pods.map(\.reference.uid))
            for pod in wanted.values where !uids.contains(pod.reference.uid) { await left(pod) }
            finished.formIntersection(uids)
            for uid in statics.mirrors.keys where !uids.contains(uid) { statics.mirrors[uid] = nil }
            // What was taken before comes before anything new.
            for pod in pods where pod.wasAdmitted && !pod.isMirror && !finished.contains(pod.reference.uid) {
                await context.ledger.keep(pod.given(pod.allocation))
            }
            for pod in pods { await came(pod) }
            knowsPods = true
            await repairMirrors()
            await endOrphans()
        case .changed(let pod): await came(pod)
        case .removed(let pod): await left(pod)
        }
    }

    private func came(_ pod: Pod) async {
        let uid = pod.reference.uid
        if pod.isMirror {
            statics.mirrors[uid] = pod
            if let own = statics.pods[uid] {
                // Only the status of a mirror counts: what is to run is in the file.
                var own = own
                own.status = pod.status
                await tell(uid, .running(own))
            }
            if pod.metadata.deletionTimestamp != nil || statics.pods[uid] == nil { await repairMirrors() }
            return
        }
        guard !finished.contains(uid) else { return }
        wanted[uid] = pod
        await tell(uid, DesiredPod(pod))
    }

    private func left(_ pod: Pod) async {
        let uid = pod.reference.uid
        if pod.isMirror {
            statics.mirrors[uid] = nil
            await repairMirrors()
            return
        }
        wanted[uid] = nil
        finished.remove(uid)
        if workers[uid] != nil { await tell(uid, .gone(pod.reference, grace: 1)) }
    }

    // MARK: Workers

    func tell(_ uid: String, _ desired: DesiredPod) async {
        guard !Task.isCancelled else { return }
        if let pod = desired.pod { claimUsers[uid] = pod.sources.filter { $0.kind == .claim } }
        if let worker = workers[uid] {
            await worker.update(desired)
            return
        }
        let worker = PodWorker(desired, context: context)
        workers[uid] = worker
        tasks[uid] = Task { [weak self] in
            await worker.run()
            await self?.ended(uid)
        }
    }

    private func ended(_ uid: String) async {
        guard !Task.isCancelled else { return }
        workers[uid] = nil
        tasks[uid] = nil
        claimUsers[uid] = nil
        await context.ledger.release(uid)
        endedDuring[uid] = listsBegun
        if wanted[uid] != nil { finished.insert(uid) }
        statics.ending[uid] = nil
        await releaseClaims()
        await startStatics()
        await repairMirrors()
    }

    // MARK: The runtime

    private func followRuntime() async {
        while !Task.isCancelled {
            do {
                for try await event in context.runtime.getContainerEvents(CRIGetEventsRequest()) {
                    eventsFlow = true
                    await take(event)
                }
            } catch {
                context.log.debug("container events: \(SwiftletError.wrapping(error))")
            }
            eventsFlow = false
            await pause(.seconds(1))
        }
    }

    private func take(_ event: CRIContainerEventResponse) async {
        guard event.hasPodSandboxStatus else { return await relist() }
        if let worker = workers[event.podSandboxStatus.metadata.uid] {
            worker.wake()
        } else if observer.reference(event.podSandboxStatus.labels) != nil {
            await relist()
        }
    }

    /// Every second while no events come, else now and then, in case one was lost.
    private func relistForEver() async {
        while !Task.isCancelled {
            await relist()
            for _ in 0..<10 {
                await pause(.seconds(1))
                if !eventsFlow || Task.isCancelled { break }
            }
        }
    }

    private func relist() async {
        listsBegun += 1
        let number = listsBegun
        let states: [PodReference: String]
        do { states = try await observer.list() } catch {
            context.log.debug("list pods of the runtime: \(SwiftletError.wrapping(error))")
            return
        }
        guard number > newestList else { return }
        newestList = number
        endedDuring = endedDuring.filter { $0.value >= number }
        for (pod, state) in states where runtimeStates[pod] != state { workers[pod.uid]?.wake() }
        for pod in runtimeStates.keys where states[pod] == nil { workers[pod.uid]?.wake() }
        runtimeStates = states
        await endOrphans()
    }

    /// Pods that run and that nobody wants, and files of pods that nobody knows.
    func endOrphans() async {
        guard knowsPods, knowsManifests, newestList > 0 else { return }
        for pod in runtimeStates.keys where workers[pod.uid] == nil && endedDuring[pod.uid] == nil {
            context.log.notice("pod \(podText(pod)) runs and has no object: ending it")
            await tell(pod.uid, .gone(pod, grace: 1))
        }
        await removeForgottenFiles()
        await releaseClaims()
    }

    private var sweptFiles = false

    private func removeForgottenFiles() async {
        guard !sweptFiles else { return }
        sweptFiles = true
        do {
            for uid in try await context.volumes.podUIDs() where workers[uid] == nil {
                context.log.notice("removing the files of pod \(printable(uid)), which is gone")
                try await context.volumes.tearDown(PodReference(namespace: "", name: "", uid: uid))
                try await context.volumes.remove(PodReference(namespace: "", name: "", uid: uid))
                await context.users.release(uid)
            }
        } catch {
            context.log.warning("remove files of pods that are gone: \(SwiftletError.wrapping(error))")
        }
    }
}

/// Until the time has passed or the task is cancelled.
func pause(_ duration: Duration) async {
    // The only error is the cancellation, which the caller sees in Task.isCancelled.
    try? await Task.sleep(for: duration)
}
