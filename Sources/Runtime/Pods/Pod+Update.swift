import CRI
import Cgroups
import Errors
import Launch

extension Pod {
    /// All or nothing; fields that are zero stay as they are.
    func update(_ id: String, _ resources: CRILinuxContainerResources) throws {
        var container = try container(id)
        if case .exited = container.record.phase {
            throw SwiftletError(
                .failedPrecondition, "it has ended", operation: "update container", object: name(container))
        }
        let merged = ResourceTranslation.merged(container.record.resources, with: resources)
        do {
            // Only what is new is written, but a swap limit counts on the memory limit beside it.
            var changed = resources
            if changed.memorySwapLimitInBytes != 0, changed.memoryLimitInBytes == 0 {
                changed.memoryLimitInBytes = merged.memoryLimitInBytes
            }
            if changed.cpuPeriod != 0, changed.cpuQuota == 0 { changed.cpuQuota = merged.cpuQuota }
            if changed.cpuQuota != 0, changed.cpuPeriod == 0 { changed.cpuPeriod = merged.cpuPeriod }
            try container.cgroup.apply(ResourceTranslation.limits(changed, weighted: context.weighted))
        } catch { throw SwiftletError.wrapping(error).during("update container", name(container)) }
        container.record.resources = merged
        containers[id] = container
        publish()
        try save(container)
    }

    /// The pod's own cgroup.
    func updateSandbox(_ resources: CRILinuxContainerResources) throws {
        _ = try shim()
        var limits = try ResourceTranslation.limits(resources, weighted: context.weighted)
        limits.outOfMemoryGroup = nil
        try cgroup.apply(limits)
    }

    func reopenLog(_ id: String) throws {
        let container = try container(id)
        guard container.record.isRunning else {
            throw SwiftletError(
                .failedPrecondition, "it does not run", operation: "reopen log of container", object: name(container))
        }
        switch try shim().request(.reopenLog(id: id)).reply {
        case .done: return
        case .failed(let failure): throw failure.error("reopen log of container", name(container))
        case let other: throw SwiftletError.unexpected(other)
        }
    }
}
