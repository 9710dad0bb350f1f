import KubeAPI
import Synchronization

/// Looks at the machine: what is left of it, and what pods take of its disk.
public protocol NodeGauge: Sendable {
    func levels() async throws -> NodeLevels
    func diskUsage(of pod: PodReference) async throws -> PodDiskUsage
}

/// The node's conditions as they are now, for whoever needs them.
final class NodePressure: Sendable {
    private let state = Mutex<Set<PressureCondition>>([])

    var conditions: Set<PressureCondition> { state.withLock { $0 } }

    /// Gives what changed.
    func set(_ conditions: Set<PressureCondition>) -> Set<PressureCondition> {
        state.withLock { state in
            defer { state = conditions }
            return state.symmetricDifference(conditions)
        }
    }
}

extension PressureCondition {
    /// As the node's object shows it.
    func nodeCondition(_ isOn: Bool) -> NodeCondition {
        let (reason, message): (String, String)
        switch (self, isOn) {
        case (.memory, true):
            (reason, message) = ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available")
        case (.memory, false):
            (reason, message) = ("KubeletHasSufficientMemory", "kubelet has sufficient memory available")
        case (.disk, true): (reason, message) = ("KubeletHasDiskPressure", "kubelet has disk pressure")
        case (.disk, false): (reason, message) = ("KubeletHasNoDiskPressure", "kubelet has no disk pressure")
        case (.pid, true): (reason, message) = ("KubeletHasInsufficientPID", "kubelet has insufficient PID available")
        case (.pid, false): (reason, message) = ("KubeletHasSufficientPID", "kubelet has sufficient PID available")
        }
        return NodeCondition(type: rawValue, status: isOn ? .true : .false, reason: reason, message: message)
    }

    /// The reason of the event that tells of its change.
    func event(_ isOn: Bool) -> String {
        switch (self, isOn) {
        case (.memory, true): "NodeHasInsufficientMemory"
        case (.memory, false): "NodeHasSufficientMemory"
        case (.disk, true): "NodeHasDiskPressure"
        case (.disk, false): "NodeHasNoDiskPressure"
        case (.pid, true): "NodeHasInsufficientPID"
        case (.pid, false): "NodeHasSufficientPID"
        }
    }
}
