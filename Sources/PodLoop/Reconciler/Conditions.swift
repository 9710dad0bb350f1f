import KubeAPI

extension Reconciler {
    func setConditions(
        _ status: inout PodStatus, _ pod: Pod, _ observed: ObservedPod, _ memory: PodMemory, _ old: PodStatus,
        _ now: Timestamp
    ) {
        let containers = ContainersTruth(pod: pod, status: status)
        var conditions = [
            readyToStart(pod, observed), containers.initialized, containers.ready(old.conditions), containers.allReady,
            PodCondition(type: PodCondition.podScheduled, status: .true),
        ]
        if status.phase?.isTerminal != true {
            conditions += resizeConditions(pod, observed, memory)
            if let trigger = restartAllTrigger(of: pod, observed) {
                conditions.append(
                    PodCondition(
                        type: PodCondition.allContainersRestarting, status: .true,
                        message: "container \(trigger.container.name) exited with \(trigger.exit.code)"))
            }
        }
        for index in conditions.indices {
            let before = old.condition(conditions[index].type)
            let flipped = before?.status != conditions[index].status
            conditions[index].lastTransitionTime = flipped ? now.truncated : before?.lastTransitionTime ?? now.truncated
            conditions[index].observedGeneration = before?.observedGeneration
        }
        // What is over is not told of.
        let ours = Set(conditions.map(\.type)).union([
            PodCondition.resizePending, PodCondition.resizeInProgress, PodCondition.allContainersRestarting,
        ])
        status.conditions = conditions + old.conditions.filter { !ours.contains($0.type) }
    }

    private func resizeConditions(_ pod: Pod, _ observed: ObservedPod, _ memory: PodMemory) -> [PodCondition] {
        var conditions: [PodCondition] = []
        if let pending = memory.pendingResize {
            conditions.append(
                PodCondition(
                    type: PodCondition.resizePending, status: .true, reason: pending.reason.rawValue,
                    message: pending.message))
        }
        let isUnderWay = pod.spec.allContainers.contains { container in
            observed.container(container.name).map { !$0.changes(for: container).isEmpty } ?? false
        }
        if isUnderWay {
            conditions.append(
                PodCondition(
                    type: PodCondition.resizeInProgress, status: .true,
                    reason: memory.resizeFailure == nil ? nil : "Error", message: memory.resizeFailure))
        }
        return conditions
    }

    private func readyToStart(_ pod: Pod, _ observed: ObservedPod) -> PodCondition {
        let isReady = observed.sandboxes.filter(\.isReady).count == 1 && observed.sandboxes.first?.isReady == true
        return PodCondition(type: PodCondition.readyToStartContainers, status: isReady ? .true : .false)
    }
}

/// The conditions that follow from the containers' statuses alone.
private struct ContainersTruth {
    let pod: Pod
    let status: PodStatus

    var initialized: PodCondition {
        let type = PodCondition.initialized
        if pod.spec.initContainers.isEmpty { return PodCondition(type: type, status: .true) }
        if status.phase == .succeeded { return PodCondition(type: type, status: .true, reason: "PodCompleted") }
        if status.containerStatuses.contains(where: \.hasRun) { return PodCondition(type: type, status: .true) }
        let open = pod.spec.initContainers.filter { container in
            let status = status.initContainerStatuses.first { $0.name == container.name }
            return container.isSidecar ? status?.started != true : status?.ready != true
        }
        if open.isEmpty { return PodCondition(type: type, status: .true) }
        return PodCondition(
            type: type, status: .false, reason: "ContainersNotInitialized",
            message: "containers with incomplete status: \(list(open.map(\.name)))")
    }

    var allReady: PodCondition { allReady(type: PodCondition.containersReady) }

    private func allReady(type: String) -> PodCondition {
        switch status.phase {
        case .succeeded: return PodCondition(type: type, status: .false, reason: "PodCompleted")
        case .failed: return PodCondition(type: type, status: .false, reason: "PodFailed")
        default: break
        }
        let names = pod.spec.initContainers.filter(\.isSidecar).map(\.name) + pod.spec.containers.map(\.name)
        let known = status.initContainerStatuses + status.containerStatuses
        let unready = names.filter { name in known.first { $0.name == name }?.ready != true }
        if unready.isEmpty { return PodCondition(type: type, status: .true) }
        return PodCondition(
            type: type, status: .false, reason: "ContainersNotReady",
            message: "containers with unready status: \(list(unready))")
    }

    func ready(_ others: [PodCondition]) -> PodCondition {
        let containers = allReady(type: PodCondition.ready)
        guard containers.status == .true else { return containers }
        let open = pod.spec.readinessGates.map(\.conditionType).filter { type in
            others.first { $0.type == type }?.status != .true
        }
        if open.isEmpty { return containers }
        return PodCondition(
            type: PodCondition.ready, status: .false, reason: "ReadinessGatesNotReady",
            message: open.map { "the status of pod readiness gate \"\($0)\" is not \"True\"" }.joined(separator: ", "))
    }

    private func list(_ names: [String]) -> String { "[\(names.joined(separator: " "))]" }
}
