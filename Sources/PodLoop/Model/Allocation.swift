import CRI
import KubeAPI

/// What each container of a pod was given, by name. It differs from what the spec asks for while a resize waits.
public typealias Allocation = [String: ResourceRequirements]

extension Pod {
    /// What it was given before: what its status says is in force, else what it asks for.
    var allocation: Allocation {
        let known = (status?.containerStatuses ?? []) + (status?.initContainerStatuses ?? [])
        return wantedAllocation.merging(
            known.compactMap { status in status.resources.map { (status.name, $0) } }
        ) { $1 }
    }

    var wantedAllocation: Allocation {
        Dictionary(spec.allContainers.map { ($0.name, $0.resources ?? ResourceRequirements()) }) { $1 }
    }

    /// As if it asked for what it was given.
    func given(_ allocation: Allocation) -> Pod {
        var pod = self
        for index in pod.spec.containers.indices { pod.spec.containers[index].give(allocation) }
        for index in pod.spec.initContainers.indices { pod.spec.initContainers[index].give(allocation) }
        return pod
    }
}

extension Container {
    fileprivate mutating func give(_ allocation: Allocation) {
        // What was never set stays so: an empty structure would be another spec.
        guard let given = allocation[name], given != resources ?? ResourceRequirements() else { return }
        resources = given
    }
}

extension DesiredPod {
    func given(_ allocation: Allocation?) -> DesiredPod {
        guard let allocation, let pod else { return self }
        return with(pod.given(allocation))
    }
}

/// A resize that the node cannot grant, or not yet.
public struct PendingResize: Sendable, Equatable {
    public enum Reason: String, Sendable { case deferred = "Deferred", infeasible = "Infeasible" }

    public var reason: Reason
    public var message: String

    public init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }
}

/// What of a container's resources its cgroup holds; 0 where nothing is set.
public struct CgroupValues: Sendable, Equatable {
    public var cpuShares: Int64
    public var cpuQuota: Int64
    public var memory: Int64

    public init(cpuShares: Int64, cpuQuota: Int64, memory: Int64) {
        self.cpuShares = cpuShares
        self.cpuQuota = cpuQuota
        self.memory = memory
    }

    init(_ resources: CRILinuxContainerResources) {
        self.init(
            cpuShares: resources.cpuShares, cpuQuota: resources.cpuQuota, memory: resources.memoryLimitInBytes)
    }

    /// The resources among `cpu` and `memory` that are not as `wanted`; what it does not set may be as it is.
    func differing(from wanted: CgroupValues) -> Set<String> {
        var names: Set<String> = []
        func differs(_ has: Int64, _ wanted: Int64) -> Bool { wanted != 0 && has != wanted }
        if differs(cpuShares, wanted.cpuShares) || differs(cpuQuota, wanted.cpuQuota) { names.insert("cpu") }
        if differs(memory, wanted.memory) { names.insert("memory") }
        return names
    }
}

extension ObservedContainer {
    /// What must change for it to have what it was given; empty where the runtime does not say what it has.
    func changes(for container: Container) -> Set<String> {
        guard let resources, isRunning else { return [] }
        return resources.differing(from: CgroupValues(linuxResources(container.resources ?? ResourceRequirements())))
    }
}

extension Container {
    /// Whether one of these cannot change while it runs.
    func restarts(for changes: Set<String>) -> Bool {
        resizePolicy.contains { changes.contains($0.resourceName) && $0.restartPolicy == "RestartContainer" }
    }
}
