// What a pod asks for and is bounded by as a whole, counted as a scheduler and a kubelet do.

extension PodSpec {
    /// Of each resource: what app containers and sidecars ask for together, or what one init container does beside the
    /// sidecars before it, whichever is more. Pod-level resources stand in for that; the overhead comes on top.
    public var totalRequests: [String: Quantity] {
        var total = sum { $0.requests.merging($0.limits) { request, _ in request } }
        if let own = resources {
            for (name, request) in own.requests { total[name] = request }
            for (name, limit) in own.limits where total[name] == nil { total[name] = limit }
        }
        return adding(total, overhead)
    }

    /// What bounds the whole pod: its own limits, else the containers' together. Of cpu and memory only where every
    /// container has a limit, for one without bounds nothing.
    public var totalLimits: [String: Quantity] {
        var total = sum(\.limits)
        for name in ["cpu", "memory"] where !(initContainers + containers).allSatisfy({ $0.isLimited(name) }) {
            total[name] = nil
        }
        for (name, limit) in resources?.limits ?? [:] { total[name] = limit }
        for (name, more) in overhead {
            if let limit = total[name] { total[name] = limit + more }
        }
        return total
    }

    private func sum(_ ask: (ResourceRequirements) -> [String: Quantity]) -> [String: Quantity] {
        func asked(_ container: Container) -> [String: Quantity] { container.resources.map(ask) ?? [:] }
        var sidecars: [String: Quantity] = [:]
        var most: [String: Quantity] = [:]
        for container in initContainers {
            let together = adding(sidecars, asked(container))
            most.merge(together) { max($0, $1) }
            if container.isSidecar { sidecars = together }
        }
        return containers.reduce(sidecars) { adding($0, asked($1)) }.merging(most) { max($0, $1) }
    }

    private func adding(_ left: [String: Quantity], _ right: [String: Quantity]) -> [String: Quantity] {
        left.merging(right) { $0 + $1 }
    }
}

extension Container {
    fileprivate func isLimited(_ resource: String) -> Bool {
        resources?.limits[resource].map { !$0.isZero } ?? false
    }
}
