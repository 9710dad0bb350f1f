import KubeAPI

/// The rules of a kubelet as a function of what is wanted, what is, what is remembered and the time: nothing else.
public struct Reconciler: Sendable {
    /// The node's addresses, the first one its main one.
    public var hostAddresses: [String]
    public var admission: NodeAdmission
    /// Ended starts of a container that are kept besides the newest (kubelet: MaxPerPodContainer).
    public var deadContainersKept: Int

    public init(
        hostAddresses: [String], admission: NodeAdmission = NodeAdmission(), deadContainersKept: Int = 1
    ) {
        self.hostAddresses = hostAddresses
        self.admission = admission
        self.deadContainersKept = deadContainersKept
    }

    public func plan(
        _ desired: DesiredPod, observed: ObservedPod, memory: PodMemory, now: Timestamp
    ) -> PodPlan {
        switch desired {
        case .running(let pod): run(pod, observed, memory, now)
        case .deleting(let pod, let grace): end(pod, grace: grace, observed, memory, now)
        case .gone(_, let grace): end(nil, grace: grace, observed, memory, now)
        }
    }

    private func run(_ pod: Pod, _ observed: ObservedPod, _ memory: PodMemory, _ now: Timestamp) -> PodPlan {
        var plan = PodPlan(memory: memory)
        let before = status(of: pod, observed, memory, now)
        if before.phase?.isTerminal == true {
            settle(pod, observed, status: before, &plan)
            return plan
        }
        if observed.sandboxes.isEmpty, observed.containers.isEmpty, let refusal = refusal(of: pod, memory) {
            refuse(refusal, status: before, &plan)
            return plan
        }
        switch sandboxDecision(pod, observed) {
        case .use(let sandbox):
            var steps = ContainerSteps(pod: pod, observed: observed, sandbox: sandbox, now: now, plan: plan)
            steps.decide()
            steps.resize()
            steps.collectGarbage(keeping: deadContainersKept)
            plan = steps.plan
        case .replace(let old, let attempt):
            replaceSandbox(old, attempt: attempt, observed, now, &plan)
        case .leave: break
        }
        let after = status(of: pod, observed, plan.memory, now)
        plan.status = after
        if let deadline = activeDeadline(pod, after) { plan.wake(at: deadline) }
        return plan
    }

    /// What the node is short of keeps out only pods that it has not taken yet.
    private func refusal(of pod: Pod, _ memory: PodMemory) -> NodeAdmission.Refusal? {
        if pod.status?.startTime == nil, let refusal = pressureRefusal(of: pod, memory.pressure) { return refusal }
        return admission.refusal(of: pod) ?? memory.refusal
    }

    /// A pod that this node does not take has failed for good: another one must be made in its place.
    private func refuse(_ refusal: NodeAdmission.Refusal, status: PodStatus, _ plan: inout PodPlan) {
        var status = status
        status.phase = .failed
        // There are no containers of it, nor will be.
        status.initContainerStatuses = []
        status.containerStatuses = []
        status.conditions.removeAll { $0.type != PodCondition.podScheduled }
        status.reason = refusal.reason
        status.message = "Pod was rejected: \(refusal.message)"
        plan.status = status
        plan.events.append(PlannedEvent(.warning, refusal.reason, refusal.message))
    }

    /// A pod whose phase is final: nothing of it runs on, its volumes go, its containers stay for their logs.
    private func settle(_ pod: Pod, _ observed: ObservedPod, status: PodStatus, _ plan: inout PodPlan) {
        plan.status = status
        if observed.isAlive {
            plan.actions = [.killPod(grace: plan.memory.eviction?.grace ?? max(1, pod.spec.gracePeriodSeconds))]
        } else if !plan.memory.volumesAreDown {
            plan.actions = [.tearDownVolumes]
        } else if plan.memory.removesEnded {
            plan.memory.removesEnded = false
            plan.actions = observed.containers.map { .removeContainer(id: $0.id) }
            plan.actions += observed.sandboxes.map { .removeSandbox(id: $0.id) }
        }
    }

    private func end(
        _ pod: Pod?, grace: Int64, _ observed: ObservedPod, _ memory: PodMemory, _ now: Timestamp
    ) -> PodPlan {
        var plan = PodPlan(memory: memory)
        if observed.isAlive {
            plan.status = pod.map { status(of: $0, observed, memory, now) }
            plan.actions = [.killPod(grace: grace)]
            return plan
        }
        plan.status = pod.map { status(of: $0, observed, memory, now, tornDown: true) }
        if !memory.volumesAreDown { plan.actions.append(.tearDownVolumes) }
        plan.actions += observed.sandboxes.map { .removeSandbox(id: $0.id) }
        plan.actions.append(.removeObject)
        return plan
    }

    private func replaceSandbox(
        _ old: [ObservedSandbox], attempt: UInt32, _ observed: ObservedPod, _ now: Timestamp, _ plan: inout PodPlan
    ) {
        if let retryAt = plan.memory.sandboxRetryAt, now < retryAt {
            plan.wake(at: retryAt)
            return
        }
        for sandbox in old {
            let isInUse = observed.containers.contains { $0.sandboxID == sandbox.id && $0.isRunning }
            if sandbox.isReady || isInUse { plan.actions.append(.stopSandbox(id: sandbox.id)) }
        }
        if !old.isEmpty {
            plan.events.append(
                PlannedEvent(.normal, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created."))
        }
        plan.actions.append(.createSandbox(attempt: attempt))
    }
}

enum SandboxDecision: Equatable {
    case use(ObservedSandbox)
    case replace([ObservedSandbox], attempt: UInt32)
    /// None is needed, or the restart policy forbids another.
    case leave
}

/// Which sandbox the pod's containers go into. A new one: when there is none, when the newest is not ready, when more
/// than one is, when the network it was made with is not the one wanted. A sandbox without an address is kept: a runtime
/// without pod network has no other.
func sandboxDecision(_ pod: Pod, _ observed: ObservedPod) -> SandboxDecision {
    guard let newest = observed.sandboxes.first else { return .replace([], attempt: 0) }
    let ready = observed.sandboxes.filter(\.isReady)
    let wantsHostNetwork = pod.spec.hostNetwork == true
    if ready.count == 1, newest.isReady, newest.usesHostNetwork == wantsHostNetwork { return .use(newest) }
    let (attempt, overflow) = newest.attempt.addingReportingOverflow(1)
    guard !overflow, mayRunAgain(pod, observed) else { return .leave }
    return .replace(observed.sandboxes, attempt: attempt)
}

/// Whether a pod that had a sandbox may have another one: not when nothing in it would be started.
private func mayRunAgain(_ pod: Pod, _ observed: ObservedPod) -> Bool {
    if observed.containers.isEmpty { return true }
    let policy = pod.spec.restartPolicy ?? .always
    if policy == .never && !pod.spec.containers.contains(where: { ($0.restartPolicy ?? .never) != .never }) {
        return false
    }
    return pod.spec.containers.contains { container in
        guard let exit = observed.container(container.name)?.exit else { return true }
        return restarts(container, .app, policy: policy, exitCode: exit.code)
    }
}
