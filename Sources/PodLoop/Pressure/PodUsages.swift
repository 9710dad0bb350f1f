import CRI
import Errors
import KubeAPI

/// Asks the runtime and the gauge what pods use.
struct PodUsages: Sendable {
    let context: LoopContext
    let gauge: any NodeGauge

    /// `walksDisk`: what lies on the disk is counted too, which takes as long as there is much of it.
    func of(_ pods: [Pod], walksDisk: Bool) async throws -> [PodUsage] {
        if pods.isEmpty { return [] }
        let stats = try await context.runtime.listPodSandboxStats(CRIListPodSandboxStatsRequest()).stats
        var usages: [PodUsage] = []
        for pod in pods {
            let own = stats.first { $0.attributes.labels[Label.podUID] == pod.reference.uid }
            var usage = usage(of: pod, own)
            if walksDisk { add(try await gauge.diskUsage(of: pod.reference), to: &usage) }
            usages.append(usage)
        }
        return usages
    }

    private func usage(of pod: Pod, _ stats: CRIPodSandboxStats?) -> PodUsage {
        guard let stats else { return PodUsage(pod: pod) }
        let linux = stats.linux
        var usage = PodUsage(pod: pod)
        if linux.hasMemory { usage.memory = Int64(clamping: linux.memory.workingSetBytes.value) }
        if linux.hasProcess { usage.processes = Int64(clamping: linux.process.processCount.value) }
        usage.containers = linux.containers.map { container in
            usage.inodes += Int64(clamping: container.writableLayer.inodesUsed.value)
            return ContainerUsage(
                name: container.attributes.metadata.name,
                memory: Int64(clamping: container.memory.workingSetBytes.value),
                writable: Int64(clamping: container.writableLayer.usedBytes.value))
        }.sorted { $0.name < $1.name }
        return usage
    }

    private func add(_ disk: PodDiskUsage, to usage: inout PodUsage) {
        usage.volumes = disk.volumes
        usage.inodes += disk.inodes
        for (name, bytes) in disk.logs.sorted(by: { $0.key < $1.key }) {
            if let index = usage.containers.firstIndex(where: { $0.name == name }) {
                usage.containers[index].logs = bytes
            } else {
                // One that has ended: its log is there still.
                usage.containers.append(ContainerUsage(name: name, logs: bytes))
            }
        }
    }
}
