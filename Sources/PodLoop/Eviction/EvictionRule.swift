import KubeAPI

/// What is remembered of the node between two looks at it. Lost at a restart of the daemon, as a kubelet's is.
public struct EvictionState: Sendable, Equatable {
    /// Since when each threshold has been met without a break.
    public var firstMet: [EvictionThreshold: Timestamp] = [:]
    /// Those upon which pods had to go at the last look.
    public var due: [EvictionThreshold] = []
    /// When each condition was last seen.
    public var lastSeen: [PressureCondition: Timestamp] = [:]

    public init() {}
}

/// What follows from one look at the node.
public struct EvictionVerdict: Sendable, Equatable {
    public var state: EvictionState
    public var conditions: Set<PressureCondition>
    /// Thresholds met for long enough, the one to act upon first.
    public var due: [EvictionThreshold] { state.due }
}

extension EvictionSettings {
    /// A threshold counts from when it is met until what it asks for, and the minimum to reclaim on top, is there again.
    /// Its condition shows at once, whatever its grace period, and stays for the transition period.
    public func verdict(on levels: NodeLevels, after before: EvictionState, now: Timestamp) -> EvictionVerdict {
        let met = thresholds.filter { threshold in
            threshold.isMet(levels) || before.due.contains(threshold) && threshold.isMet(levels, reclaiming: true)
        }
        var state = EvictionState()
        state.lastSeen = before.lastSeen
        for threshold in met {
            state.firstMet[threshold] = before.firstMet[threshold] ?? now
            state.lastSeen[threshold.signal.condition] = now
        }
        state.due = met.filter { threshold in
            guard let grace = threshold.gracePeriod, let first = state.firstMet[threshold] else { return true }
            return now.timeInterval(since: first) >= grace
        }.sorted { $0.rank < $1.rank }
        let seen = state.lastSeen.filter { condition, time in
            met.contains { $0.signal.condition == condition }
                || now.timeInterval(since: time) < pressureTransitionPeriod
        }
        return EvictionVerdict(state: state, conditions: Set(seen.keys))
    }
}

extension EvictionThreshold {
    /// Memory goes first: without it nothing else can be done. Hard ones before soft ones.
    fileprivate var rank: Int {
        let order: Int
        switch signal.resource {
        case .memory: order = 0
        case .ephemeralStorage: order = 1
        case .inodes: order = 2
        case .pids: order = 3
        }
        return 2 * order + (gracePeriod == nil ? 0 : 1)
    }
}

extension Pod {
    /// Whether it is never put out and never refused for lack of anything: static pods, and those of the system's
    /// priorities.
    var isCritical: Bool {
        let source = metadata.annotations[Annotation.configSource]
        return source != nil && source != "api" || isMirror || priority >= 2_000_000_000
    }

    /// Where only its class is named, what Kubernetes gives to the classes it has of its own.
    var priority: Int32 {
        switch (spec.priority, spec.priorityClassName) {
        case (let priority?, _): priority
        case (nil, "system-node-critical"): 2_000_001_000
        case (nil, "system-cluster-critical"): 2_000_000_000
        default: 0
        }
    }
}

/// Why the node refuses a new pod, nil when it does not. Under memory pressure alone only pods without any request are
/// refused, but for those that tolerate its taint.
public func pressureRefusal(of pod: Pod, _ conditions: Set<PressureCondition>) -> NodeAdmission.Refusal? {
    if conditions.isEmpty || pod.isCritical { return nil }
    if conditions == [.memory] {
        if qosClass(of: pod) != .bestEffort || pod.spec.tolerations.contains(where: \.toleratesMemoryPressure) {
            return nil
        }
    }
    let names = conditions.map(\.rawValue).sorted().joined(separator: " ")
    return NodeAdmission.Refusal(reason: evictedReason, message: "The node had condition: [\(names)]. ")
}

let evictedReason = "Evicted"

extension Toleration {
    fileprivate var toleratesMemoryPressure: Bool {
        guard effect == nil || effect == "" || effect == "NoSchedule" else { return false }
        if key == nil || key == "" { return `operator` == "Exists" }
        guard key == "node.kubernetes.io/memory-pressure" else { return false }
        return `operator` == "Exists" || (value ?? "").isEmpty
    }
}
