import CRI
import Errors
import KubeAPI

/// Asks the runtime for stats and makes rates of its counters where it gives no rate itself: between this reading and
/// the last one that is old enough.
actor UsageSampler {
    struct ContainerUsage: Sendable {
        var name: String
        var nanoCores: Int64
        var memoryBytes: Int64
    }

    struct PodUsage: Sendable {
        var uid: String
        var time: Timestamp
        var windowSeconds: Int64
        var nanoCores: Int64
        var memoryBytes: Int64
        var containers: [ContainerUsage]

        var windowText: String { "\(windowSeconds)s" }
    }

    private struct Reading {
        var nanoseconds: UInt64
        var time: Int64
    }

    /// Shorter differences say little.
    private static let shortest: Int64 = 1_000_000_000
    private var readings: [String: Reading] = [:]

    func sample(_ runtime: any RuntimeService) async throws -> [PodUsage] {
        let stats = try await runtime.listPodSandboxStats(CRIListPodSandboxStatsRequest()).stats
        let present = Set(stats.flatMap { pod in [pod.attributes.id] + pod.linux.containers.map(\.attributes.id) })
        readings = readings.filter { present.contains($0.key) }
        return stats.map(usage)
    }

    private func usage(_ pod: CRIPodSandboxStats) -> PodUsage {
        let containers = pod.linux.containers.map { container in
            ContainerUsage(
                name: container.attributes.metadata.name,
                nanoCores: rate(container.attributes.id, container.cpu).nanoCores,
                memoryBytes: Int64(clamping: container.memory.workingSetBytes.value))
        }
        let (nanoCores, window) = rate(pod.attributes.id, pod.linux.cpu)
        return PodUsage(
            uid: pod.attributes.metadata.uid, time: Timestamp(nanosecondsSince1970: pod.linux.cpu.timestamp),
            windowSeconds: window, nanoCores: nanoCores,
            memoryBytes: Int64(clamping: pod.linux.memory.workingSetBytes.value),
            containers: containers.sorted { $0.name < $1.name })
    }

    /// Nanocores and the seconds they are measured over; the first reading has only its container's life to go by, and
    /// says nothing.
    private func rate(_ id: String, _ cpu: CRICpuUsage) -> (nanoCores: Int64, window: Int64) {
        let now = Reading(nanoseconds: cpu.usageCoreNanoSeconds.value, time: cpu.timestamp)
        if cpu.hasUsageNanoCores {
            readings[id] = now
            return (Int64(clamping: cpu.usageNanoCores.value), 10)
        }
        guard let before = readings[id], now.nanoseconds >= before.nanoseconds, now.time > before.time else {
            readings[id] = now
            return (0, 0)
        }
        let elapsed = now.time - before.time
        if elapsed >= Self.shortest { readings[id] = now }
        let cores = Double(now.nanoseconds - before.nanoseconds) / Double(elapsed)
        return (Int64((cores * 1e9).rounded()), max(1, elapsed / 1_000_000_000))
    }
}
