import KubeAPI

/// One probe of one container.
struct ProbeKey: Hashable, Sendable {
    var containerID: String
    var kind: ProbeKind
}

/// The probes of a pod that run now, a task each; none costs anything between two attempts.
struct PodProbes {
    private var tasks: [ProbeKey: Task<Void, Never>] = [:]

    /// Starts those that are wanted and ends the others. `report` gets every change of a verdict.
    mutating func follow(
        _ wanted: [ProbeKey: ProbeLoop], report: @escaping @Sendable (ProbeKey, Bool) async -> Void
    ) {
        for key in tasks.keys where wanted[key] == nil { tasks.removeValue(forKey: key)?.cancel() }
        for (key, loop) in wanted where tasks[key] == nil {
            tasks[key] = Task { await loop.run { await report(key, $0) } }
        }
    }
}

/// Which of a pod's probes should run now: the startup probe first and then never again, the other two once it has
/// succeeded. A pod that ends has its readiness watched to the last.
func wantedProbes(
    of pod: Pod, _ observed: ObservedPod, _ memory: PodMemory, isEnding: Bool
) -> [(container: Container, seen: ObservedContainer, kind: ProbeKind, probe: Probe)] {
    var wanted: [(container: Container, seen: ObservedContainer, kind: ProbeKind, probe: Probe)] = []
    for container in pod.spec.initContainers.filter(\.isSidecar) + pod.spec.containers {
        guard let seen = observed.container(container.name), seen.isRunning else { continue }
        let health = memory.health[seen.id]
        guard container.condemned(by: health) == nil else { continue }
        for kind in ProbeKind.allCases {
            guard let probe = container.probe(kind), (kind == .startup) != container.isStarted(health) else { continue }
            if isEnding, kind != .readiness { continue }
            wanted.append((container, seen, kind, probe))
        }
    }
    return wanted
}
