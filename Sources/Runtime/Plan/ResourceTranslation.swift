import CRI
import Cgroups
import Errors

/// CRI's resources as cgroup limits. In CRI zero means "not set".
enum ResourceTranslation {
    /// `weighted` is whether the machine can weigh CPU time at all. Where it cannot, the smallest number of shares, which
    /// stands for "asked for nothing", is left out; anybody who asked for more is refused by the cgroup's own error.
    static func limits(
        _ resources: CRILinuxContainerResources, weighted: Bool
    ) throws(SwiftletError) -> CgroupLimits {
        var limits = CgroupLimits()
        if resources.cpuShares != 0, weighted || resources.cpuShares > 2 {
            limits.cpuShares = UInt64(clamping: resources.cpuShares)
        }
        try cpu(resources, into: &limits)
        try memory(resources, into: &limits)
        if !resources.cpusetCpus.isEmpty { limits.cpusetCPUs = try list(resources.cpusetCpus, "cpuset_cpus") }
        if !resources.cpusetMems.isEmpty { limits.cpusetMemoryNodes = try list(resources.cpusetMems, "cpuset_mems") }
        limits.hugePages = resources.hugepageLimits.map { .init(pageSize: $0.pageSize, bytes: $0.limit) }
        limits.unified = resources.unified
        return limits
    }

    private static func cpu(_ resources: CRILinuxContainerResources, into limits: inout CgroupLimits)
        throws(SwiftletError)
    {
        guard resources.cpuPeriod >= 0 else { throw .invalid("cpu_period \(resources.cpuPeriod) is negative") }
        if resources.cpuQuota != 0 { limits.cpuQuota = max(resources.cpuQuota, -1) }
        // A period alone limits nothing, and kubelets send it without a quota: then the controller need not be there.
        if resources.cpuPeriod != 0, resources.cpuQuota > 0 { limits.cpuPeriod = UInt64(resources.cpuPeriod) }
    }

    private static func memory(_ resources: CRILinuxContainerResources, into limits: inout CgroupLimits)
        throws(SwiftletError)
    {
        if resources.memoryLimitInBytes != 0 {
            limits.memory = max(resources.memoryLimitInBytes, -1)
            // As kubelets want it: a container that runs out of memory goes as a whole.
            if resources.memoryLimitInBytes > 0 { limits.outOfMemoryGroup = true }
        }
        if resources.memorySwapLimitInBytes != 0 {
            limits.memoryAndSwap = max(resources.memorySwapLimitInBytes, -1)
        } else if resources.memoryLimitInBytes > 0 {
            // No swap unless asked for: memory and swap together are the memory limit.
            limits.memoryAndSwap = resources.memoryLimitInBytes
        }
    }

    /// cpuset(7) list format.
    private static func list(_ text: String, _ field: String) throws(SwiftletError) -> String {
        let allowed = Set("0123456789,-".utf8)
        guard text.utf8.allSatisfy({ allowed.contains($0) }) else {
            throw .invalid(
                "\(field) \"\(printable(text, limit: 64))\" is no list of numbers", hint: "write it as 0-2,4")
        }
        return text
    }

    /// `old` with what `new` sets (CRI: only fields that are not zero change).
    static func merged(
        _ old: CRILinuxContainerResources, with new: CRILinuxContainerResources
    ) -> CRILinuxContainerResources {
        var merged = old
        if new.cpuPeriod != 0 { merged.cpuPeriod = new.cpuPeriod }
        if new.cpuQuota != 0 { merged.cpuQuota = new.cpuQuota }
        if new.cpuShares != 0 { merged.cpuShares = new.cpuShares }
        if new.memoryLimitInBytes != 0 { merged.memoryLimitInBytes = new.memoryLimitInBytes }
        if new.memorySwapLimitInBytes != 0 { merged.memorySwapLimitInBytes = new.memorySwapLimitInBytes }
        if new.oomScoreAdj != 0 { merged.oomScoreAdj = new.oomScoreAdj }
        if !new.cpusetCpus.isEmpty { merged.cpusetCpus = new.cpusetCpus }
        if !new.cpusetMems.isEmpty { merged.cpusetMems = new.cpusetMems }
        if !new.hugepageLimits.isEmpty { merged.hugepageLimits = new.hugepageLimits }
        merged.unified.merge(new.unified) { _, last in last }
        return merged
    }
}
