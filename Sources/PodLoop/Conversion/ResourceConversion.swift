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

/// The resources of a whole pod, and what the node keeps every pod within.
func podResources(_ pod: Pod, _ bounds: NodeBounds) -> CRILinuxContainerResources {
    var linux = linuxResources(ResourceRequirements(limits: pod.spec.totalLimits, requests: pod.spec.totalRequests))
    let limited = Set(linux.hugepageLimits.map(\.pageSize))
    for size in bounds.hugePageSizes.map(cgroupPageSize) where !limited.contains(size) {
        linux.hugepageLimits.append(
            .with {
                $0.pageSize = size
                $0.limit = 0
            })
    }
    return linux
}

/// Kubernetes writes 2Mi, cgroup files 2MB.
private func cgroupPageSize(_ size: String) -> String { size.replacing("i", with: "B") }

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
        limit.pageSize = cgroupPageSize(String(name.dropFirst("hugepages-".count)))
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
    func score(_ container: Container) -> Int64 { burstableScore(container, in: pod.spec, nodeMemory: nodeMemory) }
    let own = score(container)
    guard pod.spec.initContainers.contains(where: { $0.isSidecar && $0.name == container.name }) else { return own }
    return pod.spec.containers.map(score).reduce(own, min)
}

private func burstableScore(_ container: Container, in spec: PodSpec, nodeMemory: Int64) -> Int64 {
    guard nodeMemory > 0 else { return 999 }
    func request(_ resources: ResourceRequirements?) -> Int64 {
        (resources?.requests["memory"] ?? resources?.limits["memory"])?.value ?? 0
    }
    var bytes = Double(request(container.resources))
    if spec.resources != nil {
        // What the pod asks for beyond its containers is theirs in equal parts.
        let all = spec.allContainers
        let whole = spec.totalRequests["memory"]?.value ?? 0
        bytes += Double(max(0, whole - all.reduce(0) { $0 + request($1.resources) })) / Double(max(1, all.count))
    }
    return max(3, min(999, 1000 - Int64(min(bytes / Double(nodeMemory) * 1000, 1000))))
}
