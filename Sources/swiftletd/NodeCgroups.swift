import Cgroups
import Errors
import PodLoop

/// The cgroups above those of pods, below this daemon's own.
struct NodeCgroups: CgroupManager {
    /// Below the cgroup v2 mount.
    let root: String

    func set(_ groups: [CgroupShare]) async throws {
        try await onOwnThread {
            let base = try CgroupHierarchy.discover().makeBase(root)
            for group in groups {
                let cgroup = try base.createTree(group.path)
                var limits = CgroupLimits()
                if try cgroup.controllers().contains("cpu") { limits.cpuShares = UInt64(clamping: group.cpuShares) }
                limits.memory = group.memory
                try cgroup.apply(limits)
            }
        }
    }
}
