import KubeAPI

/// What the node has to give and to whom it has given it: whether one more pod fits, as a kubelet decides it.
struct NodeRoom: Sendable {
    let node: String
    /// `cpu`, `memory`, `ephemeral-storage`, `pods`, `hugepages-…`.
    let allocatable: [String: Quantity]
    /// By uid.
    private(set) var taken: [String: Share] = [:]

    /// What one pod has.
    struct Share: Sendable, Equatable {
        var requests: [String: Quantity]
        var hostPorts: Set<HostPort>

        init(_ pod: Pod) {
            requests = pod.spec.totalRequests
            hostPorts = Set(pod.spec.hostPorts)
        }
    }

    init(node: String, allocatable: [String: Quantity]) {
        self.node = node
        self.allocatable = allocatable
    }

    mutating func take(_ pod: Pod) { taken[pod.reference.uid] = Share(pod) }
    mutating func giveBack(_ uid: String) -> Bool { taken.removeValue(forKey: uid) != nil }

    /// Nil when the pod may come. `labels` are the node's.
    func refusal(of pod: Pod, labels: [String: String]) -> NodeAdmission.Refusal? {
        if let name = pod.spec.os?.name, name != "linux" {
            return .init(
                reason: "PodOSNotSupported", message: "Failed to admit pod as the OS field doesn't match node OS")
        }
        return lack(for: pod) ?? mismatch(of: pod, labels)
    }

    /// Of the first resource there is not enough of, in a kubelet's order. `pod` itself does not count as there.
    func lack(for pod: Pod) -> NodeAdmission.Refusal? {
        let others = taken.filter { $0.key != pod.reference.uid }.values
        if let most = allocatable["pods"]?.value, Int64(others.count) + 1 > most {
            return refusal("pods", requested: 1, used: Int64(others.count), capacity: most)
        }
        let wanted = pod.spec.totalRequests
        for name in ["cpu", "memory", "ephemeral-storage"] + wanted.keys.filter({ $0.hasPrefix("hugepages-") }).sorted()
        {
            guard let amount = wanted[name], !amount.isZero else { continue }
            let used = others.compactMap { $0.requests[name] }.reduce(Quantity(0), +)
            let capacity = allocatable[name] ?? Quantity(0)
            if used + amount > capacity {
                return refusal(
                    name, requested: number(amount, name), used: number(used, name),
                    capacity: number(capacity, name))
            }
        }
        return nil
    }

    /// Of the first resource of which the pod wants more than the whole node can give.
    func impossibility(of pod: Pod) -> String? {
        let wanted = pod.spec.totalRequests
        for name in ["memory", "cpu"] {
            let capacity = allocatable[name] ?? Quantity(0)
            guard let amount = wanted[name], amount > capacity else { continue }
            return "Node didn't have enough capacity: \(name), requested: \(number(amount, name)), "
                + "capacity: \(number(capacity, name))"
        }
        return nil
    }

    private func number(_ amount: Quantity, _ name: String) -> Int64 {
        name == "cpu" ? amount.milliValue : amount.value
    }

    private func refusal(
        _ name: String, requested: Int64, used: Int64, capacity: Int64
    ) -> NodeAdmission.Refusal {
        .init(
            reason: "OutOf\(name)",
            message: "Node didn't have enough resource: \(name), requested: \(requested), used: \(used), "
                + "capacity: \(capacity)")
    }

    private func mismatch(of pod: Pod, _ labels: [String: String]) -> NodeAdmission.Refusal? {
        func failed(_ predicate: String, _ why: String) -> NodeAdmission.Refusal {
            .init(reason: predicate, message: "Predicate \(predicate) failed: \(why)")
        }
        if !pod.spec.selects(node: node, labels: labels) {
            return failed("NodeAffinity", "node(s) didn't match Pod's node affinity/selector")
        }
        if let wanted = pod.spec.nodeName, !wanted.isEmpty, wanted != node {
            return failed("NodeName", "node(s) didn't match the requested node name")
        }
        let ports = pod.spec.hostPorts
        let clash = taken.contains { uid, share in
            uid != pod.reference.uid && share.hostPorts.contains { port in ports.contains(where: port.clashes) }
        }
        return clash ? failed("NodePorts", "node(s) didn't have free ports for the requested pod ports") : nil
    }
}

/// A port of the machine's own that a pod has.
struct HostPort: Sendable, Hashable {
    var transport: ContainerPort.TransportProtocol
    /// Empty for all.
    var address: String
    var port: Int32

    func clashes(with other: HostPort) -> Bool {
        transport == other.transport && port == other.port
            && (address.isEmpty || other.address.isEmpty || address == other.address)
    }
}

extension PodSpec {
    fileprivate var hostPorts: [HostPort] {
        (containers + initContainers.filter(\.isSidecar)).flatMap(\.ports).compactMap { port in
            guard let number = port.hostPort, number > 0 else { return nil }
            let everywhere = ["0.0.0.0", "::"].contains(port.hostIP ?? "")
            return HostPort(
                transport: port.protocol ?? .tcp, address: everywhere ? "" : port.hostIP ?? "", port: number)
        }
    }
}
