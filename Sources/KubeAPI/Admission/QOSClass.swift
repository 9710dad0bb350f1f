extension QOSClass {
    /// Guaranteed: every container, init containers included, limits cpu and memory and requests as much (pod-level
    /// resources, if set, stand for all). BestEffort: nothing asked for. Else Burstable.
    public init(of spec: PodSpec) {
        let all =
            spec.resources.map { [$0] }
            ?? (spec.containers + spec.initContainers).map { $0.resources ?? ResourceRequirements() }
        var asked = false
        var guaranteed = true
        for resources in all {
            for name in ["cpu", "memory"] {
                let limit = resources.limits[name].flatMap { $0.isZero ? nil : $0 }
                let request = resources.requests[name].flatMap { $0.isZero ? nil : $0 } ?? limit
                asked = asked || limit != nil || request != nil
                if limit == nil || request != limit { guaranteed = false }
            }
        }
        self = !asked ? .bestEffort : guaranteed ? .guaranteed : .burstable
    }
}
