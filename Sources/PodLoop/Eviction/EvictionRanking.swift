import KubeAPI

/// The end of a pod that this node puts out.
public struct Eviction: Sendable, Equatable {
    /// As it shows in the pod's status and event.
    public var message: String
    /// Seconds to end by itself.
    public var grace: Int64

    public init(message: String, grace: Int64) {
        self.message = message
        self.grace = grace
    }

    /// Without delay, as far as a container can be ended so.
    static let immediately: Int64 = 1
}

/// Which pods go first. By memory and disk: those that use more than they asked for; of those, and then of the others, the
/// ones of lower priority; then by how much they use beyond their request. By processes: priority, then how many they have.
/// A pod of which nothing is known goes before those of which it is.
public func evictionOrder(_ pods: [PodUsage], for resource: EvictionSignal.Resource) -> [PodUsage] {
    struct Rank {
        var exceeds: Bool
        var priority: Int32
        var beyond: Int64
    }
    func rank(_ usage: PodUsage) -> Rank {
        let priority = usage.pod.priority
        guard let used = usage.amount(resource) else { return Rank(exceeds: true, priority: priority, beyond: .max) }
        let request: Int64
        switch resource {
        case .memory, .ephemeralStorage: request = usage.pod.request(of: resource.rawValue)
        case .inodes, .pids: request = 0
        }
        return Rank(exceeds: resource == .pids || used > request, priority: priority, beyond: used - request)
    }
    return pods.map { ($0, rank($0)) }.sorted { left, right in
        let (one, other) = (left.1, right.1)
        if one.exceeds != other.exceeds { return one.exceeds }
        if one.priority != other.priority { return one.priority < other.priority }
        return one.beyond > other.beyond
    }.map(\.0)
}

extension EvictionSettings {
    /// The pod that goes upon a threshold, and its end; critical ones stay.
    public func victim(
        of threshold: EvictionThreshold, _ levels: NodeLevels, _ pods: [PodUsage]
    ) -> (pod: Pod, eviction: Eviction)? {
        let order = evictionOrder(pods, for: threshold.signal.resource)
        guard let usage = order.first(where: { !$0.pod.isCritical }) else { return nil }
        let own = usage.pod.spec.gracePeriodSeconds
        let grace = threshold.gracePeriod == nil ? Eviction.immediately : max(1, min(maximumPodGracePeriod, own))
        return (usage.pod, Eviction(message: message(threshold, levels, usage), grace: grace))
    }

    private func message(_ threshold: EvictionThreshold, _ levels: NodeLevels, _ usage: PodUsage) -> String {
        let resource = threshold.signal.resource
        var text = "The node was low on resource: \(resource.rawValue). "
        if let level = levels[threshold.signal] {
            let wanted = Quantity(bytes: threshold.value.value(of: level.capacity))
            text += "Threshold quantity: \(wanted), available: \(Quantity(bytes: level.available)). "
        }
        for container in usage.containers {
            let used: Int64
            switch resource {
            case .memory: used = container.memory
            case .ephemeralStorage: used = container.disk
            case .inodes, .pids: continue
            }
            guard let definition = usage.pod.container(container.name)?.container else { continue }
            let request = definition.resources?.requests[resource.rawValue] ?? Quantity(0)
            guard used > request.value else { continue }
            text += "Container \(container.name) was using \(Quantity(bytes: used)), request is \(request), "
            text += "has larger consumption of \(resource.rawValue). "
        }
        return text
    }
}
