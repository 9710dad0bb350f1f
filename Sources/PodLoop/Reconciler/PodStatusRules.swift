import KubeAPI

extension Reconciler {
    /// The status as a kubelet writes it. `tornDown`: all has ended and nothing will be started again, so the phase is
    /// final. Times of conditions move only when a condition flips.
    public func status(
        of pod: Pod, _ observed: ObservedPod, _ memory: PodMemory, _ now: Timestamp, tornDown: Bool = false
    ) -> PodStatus {
        let old = pod.status ?? PodStatus()
        if old.isRefusal, observed == ObservedPod() { return old }
        var status = old
        status.observedGeneration = pod.metadata.generation ?? old.observedGeneration
        status.startTime = old.startTime ?? now.truncated
        status.qosClass = old.qosClass ?? QOSClass(of: pod.spec)
        status.hostIP = hostAddresses.first
        status.hostIPs = hostAddresses.map(PodIP.init(ip:))
        setAddresses(&status, pod, observed)
        let rule = ContainerStatusRule(pod: pod, observed: observed, memory: memory, old: old, tornDown: tornDown)
        status.initContainerStatuses = pod.spec.initContainers.map {
            rule.status(of: $0, pod.kind(ofInit: $0))
        }
        status.containerStatuses = pod.spec.containers.map { rule.status(of: $0, .app) }.sorted { $0.name < $1.name }
        status.phase = phase(pod, status, old, tornDown: tornDown)
        if status.phase?.isTerminal != true, let deadline = activeDeadline(pod, status), deadline <= now {
            status.phase = .failed
            status.reason = "DeadlineExceeded"
            status.message = "Pod was active on the node longer than the specified deadline"
        }
        if status.phase?.isTerminal != true, let eviction = memory.eviction {
            status.phase = .failed
            status.reason = evictedReason
            status.message = eviction.message
        }
        setConditions(&status, pod, observed, memory, old, now)
        if status.reason == evictedReason, let eviction = memory.eviction { disrupt(&status, eviction, now) }
        return status
    }

    private func disrupt(_ status: inout PodStatus, _ eviction: Eviction, _ now: Timestamp) {
        guard status.condition(PodCondition.disruptionTarget) == nil else { return }
        status.conditions.append(
            PodCondition(
                type: PodCondition.disruptionTarget, status: .true, reason: "TerminationByKubelet",
                message: eviction.message, lastTransitionTime: now.truncated))
    }

    func activeDeadline(_ pod: Pod, _ status: PodStatus) -> Timestamp? {
        guard let seconds = pod.spec.activeDeadlineSeconds, let start = status.startTime else { return nil }
        return start + seconds
    }

    private func setAddresses(_ status: inout PodStatus, _ pod: Pod, _ observed: ObservedPod) {
        if pod.spec.hostNetwork == true {
            guard !observed.sandboxes.isEmpty else { return }
            status.podIPs = status.hostIPs
        } else if let sandbox = observed.sandboxes.first(where: \.isReady) {
            status.podIPs = sandbox.addresses.map(PodIP.init(ip:))
        }
        status.podIP = status.podIPs.first?.ip
    }

    private func phase(_ pod: Pod, _ status: PodStatus, _ old: PodStatus, tornDown: Bool) -> PodPhase {
        if let phase = old.phase, phase.isTerminal { return phase }
        let phase = PhaseRule(pod: pod, status: status, tornDown: tornDown).phase
        // A pod that ends before it ran has not succeeded.
        return tornDown && !phase.isTerminal ? .failed : phase
    }
}

extension PodStatus {
    /// Of a pod that the node did not take.
    fileprivate var isRefusal: Bool { phase == .failed && reason != nil && containerStatuses.isEmpty }
}

/// The state of one container: what the runtime says, what the last try to start it said, what was known before.
struct ContainerStatusRule {
    let pod: Pod
    let observed: ObservedPod
    let memory: PodMemory
    let old: PodStatus
    let tornDown: Bool

    func status(of container: Container, _ kind: ContainerKind) -> ContainerStatus {
        let seen = observed.containers.filter { $0.name == container.name }
        var status = ContainerStatus(name: container.name, image: container.image ?? "")
        let previous = (old.containerStatuses + old.initContainerStatuses).first { $0.name == container.name }
        if let newest = seen.first {
            fill(&status, container, newest, seen.dropFirst().first, previous)
        } else {
            fillFromMemory(&status, previous)
        }
        setResources(&status, container, seen.first, previous)
        applyFailure(&status, container, kind, seen.first)
        if tornDown, kind == .app { end(&status) }
        let isRunning = status.state?.isRunning == true
        let health = seen.first.flatMap { memory.health[$0.id] }
        status.started = isRunning && container.isStarted(health)
        status.ready = isRunning && container.isReady(health)
        if kind == .initial {
            status.started = status.state?.isRunning
            status.ready = status.state?.terminated?.exitCode == 0
        }
        return status
    }

    private var defaultWaiting: ContainerState {
        .waiting(
            reason: pod.spec.initContainers.isEmpty ? "ContainerCreating" : "PodInitializing",
            message: memory.sandboxFailure)
    }

    private func fill(
        _ status: inout ContainerStatus, _ container: Container, _ seen: ObservedContainer,
        _ before: ObservedContainer?, _ previous: ContainerStatus?
    ) {
        status.containerID = containerID(seen.id)
        status.imageID = seen.imageID
        if !seen.image.isEmpty { status.image = seen.image }
        status.restartCount = Int32(clamping: seen.attempt)
        // The end of one whose record is gone is in the old status alone.
        let vanished = previous?.containerID == status.containerID ? nil : previous?.state?.terminated
        status.lastState =
            before.flatMap(endState) ?? vanished.map(ContainerState.terminated) ?? previous?.lastState
        switch seen.state {
        case .created: status.state = defaultWaiting
        case .running(let startedAt): status.state = .running(startedAt: startedAt.truncated)
        case .exited: status.state = endState(seen)
        case .unknown:
            status.state = .terminated(
                ContainerStateTerminated(
                    exitCode: 137, reason: "ContainerStatusUnknown",
                    message: "The container could not be located when the pod was terminated"))
        }
    }

    /// What it was given, and what of that is in force: as before while a container runs with something else.
    private func setResources(
        _ status: inout ContainerStatus, _ container: Container, _ seen: ObservedContainer?,
        _ previous: ContainerStatus?
    ) {
        let given = container.resources ?? ResourceRequirements()
        status.allocatedResources = given.requests
        let isInForce = seen?.changes(for: container).isEmpty ?? true
        status.resources = isInForce ? given : previous?.resources ?? given
    }

    private func endState(_ container: ObservedContainer) -> ContainerState? {
        guard let exit = container.exit else { return nil }
        var end = ContainerStateTerminated(
            exitCode: exit.code, reason: exit.reason.isEmpty ? nil : exit.reason,
            message: exit.message.isEmpty ? nil : shortened(exit.message))
        end.startedAt = exit.startedAt?.truncated
        end.finishedAt = exit.finishedAt.truncated
        end.containerID = containerID(container.id)
        return .terminated(end)
    }

    /// All messages of a pod together are 12 KiB at most.
    private func shortened(_ message: String) -> String {
        let limit = (12 << 10) / (pod.spec.containers.count + pod.spec.initContainers.count)
        return message.utf8.count <= limit ? message : String(decoding: message.utf8.prefix(limit), as: UTF8.self)
    }

    /// The runtime knows no such container: it was never made, or its record is gone.
    private func fillFromMemory(_ status: inout ContainerStatus, _ previous: ContainerStatus?) {
        status.state = defaultWaiting
        guard let previous else { return }
        if previous.state?.terminated != nil {
            status = previous
            return
        }
        status.restartCount = previous.restartCount
        status.lastState = previous.lastState
        status.containerID = previous.containerID
        guard previous.state?.isRunning == true else { return }
        if status.lastState == nil {
            status.lastState = .terminated(
                ContainerStateTerminated(
                    exitCode: 137, reason: "ContainerStatusUnknown",
                    message: "The container could not be located when the pod was deleted. It used to be Running"))
        }
    }

    /// A container that should be started and could not be is Waiting, and its end is its last state.
    private func applyFailure(
        _ status: inout ContainerStatus, _ container: Container, _ kind: ContainerKind, _ seen: ObservedContainer?
    ) {
        guard !tornDown, let failure = memory.startFailures[container.name] else { return }
        switch seen?.state {
        case .running: return
        case .exited(let exit):
            guard restarts(container, kind, policy: pod.restartPolicy, exitCode: exit.code) else { return }
        case .created, .unknown, nil: break
        }
        if status.state?.terminated != nil { status.lastState = status.state }
        status.state = .waiting(reason: failure.reason.rawValue, message: failure.message)
    }

    private func end(_ status: inout ContainerStatus) {
        guard status.state?.terminated == nil else { return }
        guard status.hasRun || pod.spec.initContainers.isEmpty else { return }
        status.state = .terminated(
            ContainerStateTerminated(
                exitCode: 137, reason: "ContainerStatusUnknown",
                message: "The container could not be located when the pod was terminated"))
    }
}

/// How Kubernetes writes a container's id: with the runtime's name.
func containerID(_ id: String) -> String { "swiftlet://\(id)" }
