import CRI
import KubeAPI

/// `kubepods/pod<uid>`, or below the group of its QoS class.
func podCgroup(_ pod: Pod) -> String {
    let leaf = "pod\(pod.reference.uid)"
    switch qosClass(of: pod) {
    case .guaranteed: return "kubepods/\(leaf)"
    case .burstable: return "kubepods/burstable/\(leaf)"
    case .bestEffort: return "kubepods/besteffort/\(leaf)"
    }
}

func qosClass(of pod: Pod) -> QOSClass { pod.status?.qosClass ?? QOSClass(of: pod.spec) }

/// CPU shares of the v1 cgroup scale, which CRI keeps: 1024 a core, 2 at least, 262144 at most.
func cpuShares(milli: Int64) -> Int64 {
    guard milli > 0 else { return 2 }
    return max(2, min(262_144, milli.multipliedReportingOverflow(by: 1024).partialValue / 1000))
}

/// Microseconds a period of `cpuPeriod`; nil for no limit.
func cpuQuota(milli: Int64) -> Int64? {
    guard milli > 0 else { return nil }
    let (product, overflow) = milli.multipliedReportingOverflow(by: cpuPeriod)
    return overflow ? nil : max(1000, product / 1000)
}

/// Microseconds.
let cpuPeriod: Int64 = 100_000

/// The limits of a whole pod: the sum over its containers, where each has one. Init containers count as the most that any
/// of them asks for, sidecars with the app containers.
func podResources(_ pod: Pod) -> CRILinuxContainerResources {
    if let own = pod.spec.resources { return linuxResources(own) }
    let sidecars = pod.spec.initContainers.filter(\.isSidecar)
    let initial = pod.spec.initContainers.filter { !$0.isSidecar }
    func total(_ value: (ResourceRequirements) -> Quantity?) -> Quantity? {
        func of(_ container: Container) -> Quantity? { container.resources.flatMap(value) }
        let together = (sidecars + pod.spec.containers).compactMap(of)
        let beside = sidecars.compactMap(of).reduce(Quantity(0), +)
        let most = initial.compactMap(of).map { $0 + beside }.max()
        return ([together.reduce(Quantity(0), +)] + (most.map { [$0] } ?? [])).max()
    }
    var sum = ResourceRequirements()
    sum.requests["cpu"] = total { $0.requests["cpu"] ?? $0.limits["cpu"] }
    for name in ["cpu", "memory"] {
        let all = pod.spec.allContainers.allSatisfy { $0.resources?.limits[name].map { !$0.isZero } ?? false }
        if all { sum.limits[name] = total { $0.limits[name] } }
    }
    return linuxResources(sum)
}

/// Requests and limits as the runtime takes them, without the OOM score.
func linuxResources(_ resources: ResourceRequirements) -> CRILinuxContainerResources {
    var linux = CRILinuxContainerResources()
    let request = resources.requests["cpu"] ?? resources.limits["cpu"]
    linux.cpuShares = cpuShares(milli: request?.milliValue ?? 0)
    if let limit = resources.limits["cpu"], let quota = cpuQuota(milli: limit.milliValue) {
        linux.cpuQuota = quota
        linux.cpuPeriod = cpuPeriod
    }
    if let memory = resources.limits["memory"], !memory.isZero {
        linux.memoryLimitInBytes = memory.value
        // No swap, as a kubelet has it by default: memory and swap together are the memory.
        linux.memorySwapLimitInBytes = memory.value
    }
    for (name, quantity) in resources.limits.sorted(by: { $0.key < $1.key }) where name.hasPrefix("hugepages-") {
        var limit = CRIHugepageLimit()
        // Kubernetes writes 2Mi, cgroup files 2MB.
        limit.pageSize = String(name.dropFirst("hugepages-".count)).replacing("i", with: "B")
        limit.limit = UInt64(clamping: quantity.value)
        linux.hugepageLimits.append(limit)
    }
    return linux
}

/// How soon the kernel picks a container when memory runs out: −997 for Guaranteed, 1000 for BestEffort, in between the
/// less the more of the node's memory it requests.
func outOfMemoryScore(_ container: Container, in pod: Pod, nodeMemory: Int64) -> Int64 {
    if (pod.spec.priority ?? 0) >= 2_000_000_000 { return -997 }
    switch qosClass(of: pod) {
    case .guaranteed: return -997
    case .bestEffort: return 1000
    case .burstable: break
    }
    let score = burstableScore(container, nodeMemory: nodeMemory)
    guard pod.spec.initContainers.contains(where: { $0.isSidecar && $0.name == container.name }) else { return score }
    return pod.spec.containers.map { burstableScore($0, nodeMemory: nodeMemory) }.reduce(score, min)
}

private func burstableScore(_ container: Container, nodeMemory: Int64) -> Int64 {
    let request = (container.resources?.requests["memory"] ?? container.resources?.limits["memory"])?.value ?? 0
    guard nodeMemory > 0 else { return 999 }
    let share = Double(request) / Double(nodeMemory) * 1000
    return max(3, min(999, 1000 - Int64(min(share, 1000))))
}
