import CRI
import Errors
import KubeAPI

/// Brings the cgroups of a pod that runs to what it was given: those around it grow first and shrink last.
struct PodResize: Sendable {
    let context: LoopContext
    /// As it was given.
    let pod: Pod
    let sandboxID: String
    let containers: [ObservedContainer]

    func run() async throws {
        let whole = podResources(pod, context.settings.bounds)
        try await updateSandbox(widened(whole))
        for container in containers {
            guard let definition = pod.container(container.name)?.container else { continue }
            try await update(container, linuxResources(definition.resources ?? ResourceRequirements()))
        }
        try await updateSandbox(whole)
    }

    /// As much as the pod has now or will have, whichever is more.
    private func widened(_ whole: CRILinuxContainerResources) -> CRILinuxContainerResources {
        let now = podResources(pod.given(pod.allocation), context.settings.bounds)
        var wide = whole
        func most(_ one: Int64, _ other: Int64) -> Int64 { one == 0 || other == 0 ? 0 : max(one, other) }
        wide.memoryLimitInBytes = most(now.memoryLimitInBytes, whole.memoryLimitInBytes)
        wide.memorySwapLimitInBytes = wide.memoryLimitInBytes
        wide.cpuQuota = most(now.cpuQuota, whole.cpuQuota)
        return wide
    }

    private func updateSandbox(_ resources: CRILinuxContainerResources) async throws {
        _ = try await context.runtime.updatePodSandboxResources(
            .with {
                $0.podSandboxID = sandboxID
                $0.resources = resources
            })
    }

    private func update(_ container: ObservedContainer, _ wanted: CRILinuxContainerResources) async throws {
        try await checkUsage(container, wanted.memoryLimitInBytes)
        _ = try await context.runtime.updateContainerResources(
            .with {
                $0.containerID = container.id
                $0.linux = wanted
            })
    }

    /// The kernel would end processes to get below a limit.
    private func checkUsage(_ container: ObservedContainer, _ limit: Int64) async throws {
        guard limit > 0, let now = container.resources?.memory, now == 0 || limit < now else { return }
        let stats = try await context.runtime.containerStats(.with { $0.containerID = container.id }).stats
        let usage = stats.memory.usageBytes.value
        guard usage > UInt64(limit) else { return }
        throw SwiftletError(
            .failedPrecondition,
            "attempting to set container \"\(container.name)\" memory limit (\(limit)) below current usage (\(usage))")
    }
}
