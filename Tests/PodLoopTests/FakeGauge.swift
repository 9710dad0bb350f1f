import KubeAPI
import Synchronization

@testable import PodLoop

/// A machine that has what the tests say.
final class FakeGauge: NodeGauge {
    struct State {
        var levels: NodeLevels = [:]
        var disk: [String: PodDiskUsage] = [:]
    }

    let state = Mutex(State())

    func set(_ signal: EvictionSignal, _ available: Int64, of capacity: Int64 = 1000) {
        state.withLock { $0.levels[signal] = NodeLevel(available: available, capacity: capacity) }
    }

    func levels() async throws -> NodeLevels { state.withLock { $0.levels } }
    func diskUsage(of pod: PodReference) async throws -> PodDiskUsage {
        state.withLock { $0.disk[pod.uid] ?? PodDiskUsage() }
    }
}
