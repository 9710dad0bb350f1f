import KubeAPI

/// What to do with the containers of a pod whose sandbox is ready.
struct ContainerSteps {
    let pod: Pod
    let observed: ObservedPod
    let sandbox: ObservedSandbox
    let now: Timestamp
    var plan: PodPlan
    /// Containers that run on with other resources.
    private var resized: [String] = []

    init(pod: Pod, observed: ObservedPod, sandbox: ObservedSandbox, now: Timestamp, plan: PodPlan) {
        self.pod = pod
        self.observed = observed
        self.sandbox = sandbox
        self.now = now
        self.plan = plan
    }

    mutating func decide() {
        if let trigger = restartAllTrigger(of: pod, observed) { return restartAll(trigger.container, trigger.exit) }
        if appsAreDone {
            // Sidecars do not keep a pod alive.
            plan.actions.append(.killPod(grace: max(1, pod.spec.gracePeriodSeconds)))
            return
        }
        let appHasRun = pod.spec.containers.contains { observed.container($0.name, in: sandbox.id) != nil }
        if appHasRun {
            for sidecar in pod.spec.initContainers where sidecar.isSidecar { _ = sidecarRuns(sidecar) }
        } else {
            for container in pod.spec.initContainers {
                let goesOn = container.isSidecar ? sidecarRuns(container) : initialIsDone(container)
                guard goesOn else { return }
            }
        }
        for container in pod.spec.containers { app(container) }
    }

    /// Containers that need not end for it, once the last try is long enough ago.
    mutating func resize() {
        guard !resized.isEmpty else { return }
        if let retryAt = plan.memory.resizeRetryAt, now < retryAt { return plan.wake(at: retryAt) }
        plan.actions.append(.resize(containers: resized, sandboxID: sandbox.id))
    }

    private var appsAreDone: Bool {
        pod.spec.containers.allSatisfy { container in
            guard let exit = observed.container(container.name)?.exit else { return false }
            return !restarts(container, .app, policy: pod.restartPolicy, exitCode: exit.code)
        }
    }

    /// Containers before the newest and the `dead` ones before that, and dead sandboxes that hold nothing else.
    mutating func collectGarbage(keeping dead: Int) {
        if restartAllTrigger(of: pod, observed) != nil { return }
        var seen: [String: Int] = [:]
        var kept: Set<String> = [sandbox.id]
        for container in observed.containers {
            seen[container.name, default: 0] += 1
            if seen[container.name, default: 0] > 1 + dead, !container.isRunning {
                plan.actions.append(.removeContainer(id: container.id))
            } else {
                kept.insert(container.sandboxID)
            }
        }
        for old in observed.sandboxes where !old.isReady && !kept.contains(old.id) {
            plan.actions.append(.removeSandbox(id: old.id))
        }
    }

    /// One init container at a time; only those of this sandbox count, a new one runs them all again.
    private mutating func initialIsDone(_ container: Container) -> Bool {
        guard let seen = observed.container(container.name, in: sandbox.id) else {
            start(container)
            return false
        }
        switch seen.state {
        case .running: return false
        case .created, .unknown: restart(container, since: seen.createdAt)
        case .exited(let exit):
            if exit.code == 0 { return true }
            if restarts(container, .initial, policy: pod.restartPolicy, exitCode: exit.code) {
                restart(container, since: exit.finishedAt)
            }
        }
        return false
    }

    /// True once the containers after it may start.
    private mutating func sidecarRuns(_ container: Container) -> Bool {
        guard let seen = observed.container(container.name, in: sandbox.id) else {
            start(container)
            return false
        }
        switch seen.state {
        case .running:
            return !endedIfUnfit(container, .sidecar, seen) && container.isStarted(plan.memory.health[seen.id])
        case .created, .unknown: restart(container, since: seen.createdAt)
        case .exited(let exit): restart(container, since: exit.finishedAt)
        }
        return false
    }

    private mutating func app(_ container: Container) {
        guard let seen = observed.container(container.name) else {
            start(container)
            return
        }
        switch seen.state {
        case .running:
            // One that runs on in another sandbox goes with that sandbox.
            if seen.sandboxID == sandbox.id { _ = endedIfUnfit(container, .app, seen) }
        case .created, .unknown: restart(container, since: seen.createdAt)
        case .exited(let exit):
            if restarts(container, .app, policy: pod.restartPolicy, exitCode: exit.code) {
                restart(container, since: exit.finishedAt)
            }
        }
    }

    /// Whether it must end: its definition has changed, or a probe has condemned it.
    private mutating func endedIfUnfit(_ container: Container, _ kind: ContainerKind, _ seen: ObservedContainer) -> Bool
    {
        var grace = max(1, pod.spec.gracePeriodSeconds)
        let why: String
        if !seen.definitionHash.isEmpty, seen.definitionHash != definitionHash(of: container) {
            why = "Container \(container.name) definition changed, will be restarted"
        } else if container.restarts(for: seen.changes(for: container)) {
            why = "Container \(container.name) resize requires restart"
        } else if let probe = container.condemned(by: plan.memory.health[seen.id]) {
            let again = restarts(container, kind, policy: pod.restartPolicy, exitCode: 137)
            let name = probe.rawValue.lowercased()
            why = "Container \(container.name) failed \(name) probe\(again ? ", will be restarted" : "")"
            grace = container.probe(probe)?.terminationGracePeriodSeconds ?? grace
        } else {
            if !seen.changes(for: container).isEmpty { resized.append(seen.id) }
            return false
        }
        plan.actions.append(.killContainer(id: seen.id, name: container.name, why: why, grace: grace))
        return true
    }

    private mutating func restart(_ container: Container, since end: Timestamp) {
        if waits(container, since: end) { return }
        let backoff = plan.memory.crashes[container.name]
        if start(container) {
            plan.memory.crashes[container.name] = Backoff.raised(backoff, event: end, now: now)
        }
    }

    /// All that runs ends; when nothing does any more and the back-off of the one that asked for it is over, the dead are
    /// removed, the one that asked last: so should this break off, it begins anew.
    private mutating func restartAll(_ container: Container, _ exit: ContainerExit) {
        let own = observed.containers.filter { $0.sandboxID == sandbox.id }
        let alive = own.filter(\.isRunning)
        let why = "Container \(container.name) exited with \(exit.code), upon which all containers are restarted"
        for other in alive {
            plan.actions.append(
                .killContainer(id: other.id, name: other.name, why: why, grace: max(1, pod.spec.gracePeriodSeconds)))
        }
        guard alive.isEmpty, !waits(container, since: exit.finishedAt) else { return }
        let others = own.filter { $0.name != container.name }
        if others.isEmpty {
            let backoff = plan.memory.crashes[container.name]
            plan.memory.crashes[container.name] = Backoff.raised(backoff, event: exit.finishedAt, now: now)
            plan.memory.startFailures = [:]
        }
        for dead in others.isEmpty ? own : others { plan.actions.append(.removeContainer(id: dead.id)) }
    }

    /// Whether its back-off is not over yet; then that is shown.
    private mutating func waits(_ container: Container, since end: Timestamp) -> Bool {
        let backoff = plan.memory.crashes[container.name]
        guard let waitEnd = Backoff.waitUntil(backoff, event: end, now: now) else { return false }
        let delay = backoff?.delay ?? Backoff.first
        let name = podText(pod.reference)
        if plan.memory.startFailures[container.name]?.reason != .crashLoopBackOff {
            plan.events.append(
                PlannedEvent(
                    .warning, "BackOff", "Back-off restarting failed container \(container.name) in pod \(name)",
                    container: container.name))
        }
        plan.memory.startFailures[container.name] = StartFailure(
            .crashLoopBackOff,
            "back-off \(durationText(delay)) restarting failed container=\(container.name) pod=\(name)")
        plan.wake(at: waitEnd)
        return true
    }

    @discardableResult
    private mutating func start(_ container: Container) -> Bool {
        if let failure = plan.memory.startFailures[container.name], let retryAt = failure.retryAt, now < retryAt {
            plan.wake(at: retryAt)
            if failure.reason == .imagePull { showPullBackOff(container, failure) }
            return false
        }
        plan.actions.append(
            .startContainer(name: container.name, attempt: nextAttempt(container.name), sandboxID: sandbox.id))
        return true
    }

    /// The first look after a failed pull shows ErrImagePull, the later ones that the next try is being waited for.
    private mutating func showPullBackOff(_ container: Container, _ failure: StartFailure) {
        let image = container.image ?? ""
        var shown = failure
        shown.reason = .imagePullBackOff
        shown.message = "Back-off pulling image \"\(image)\": ErrImagePull: \(failure.message)"
        plan.memory.startFailures[container.name] = shown
        plan.events.append(
            PlannedEvent(.normal, "BackOff", "Back-off pulling image \"\(image)\"", container: container.name))
        plan.events.append(PlannedEvent(.warning, "Failed", "Error: ImagePullBackOff", container: container.name))
    }

    private func nextAttempt(_ name: String) -> UInt32 {
        let seen = observed.containers.lazy.filter { $0.name == name }.map(\.attempt).max()
        if let seen { return seen == .max ? .max : seen + 1 }
        // The runtime has forgotten a container that the API remembers.
        let known = (pod.status?.containerStatuses ?? []) + (pod.status?.initContainerStatuses ?? [])
        guard let status = known.first(where: { $0.name == name }), status.containerID != nil else { return 0 }
        return UInt32(clamping: status.restartCount) + 1
    }
}

/// The container whose end asks for all to be restarted, in the newest sandbox.
func restartAllTrigger(of pod: Pod, _ observed: ObservedPod) -> (container: Container, exit: ContainerExit)? {
    guard let sandbox = observed.sandboxes.first else { return nil }
    for container in pod.spec.allContainers {
        guard let exit = observed.container(container.name, in: sandbox.id)?.exit,
            container.restartAction(exitCode: exit.code) == .restartAllContainers,
            // An init container's success is the end of it.
            exit.code != 0 || pod.container(container.name)?.kind != .initial
        else { continue }
        return (container, exit)
    }
    return nil
}

/// `web_default(6f0c…)`: how Kubernetes' messages name a pod.
func podText(_ pod: PodReference) -> String { "\(pod.name)_\(pod.namespace)(\(pod.uid))" }

/// `10s`, `1m20s`, `5m0s`.
func durationText(_ seconds: Int64) -> String {
    seconds < 60 ? "\(seconds)s" : "\(seconds / 60)m\(seconds % 60)s"
}
