import Errors
import KubeAPI

/// Looks at the machine again and again, and at what pods take of its disk; keeps the node's conditions, gives back what
/// nobody needs, and puts pods out, one at a time.
struct PressureLoop: Sendable {
    let context: LoopContext
    let gauge: any NodeGauge
    let images: ImageCollector
    /// The pods that are here and have not ended.
    let pods: @Sendable () async -> [Pod]
    let evict: @Sendable (PodReference, Eviction) async -> Void
    /// Removes the containers of pods that have ended.
    let removeEndedContainers: @Sendable () async -> Void

    private var settings: EvictionSettings { context.settings.eviction }
    /// Seconds a pod that was put out gets to be gone before the next look.
    private static let cleanUp: Double = 30

    func run() async {
        var state = EvictionState()
        let clock = ContinuousClock()
        while !Task.isCancelled {
            let begun = clock.now
            var hasEvicted = false
            do { hasEvicted = try await look(&state) } catch is CancellationError {
                return
            } catch {
                context.log.warning("look at the node: \(SwiftletError.wrapping(error))")
            }
            if hasEvicted { continue }
            // However many files there are, the disk is looked at a twentieth of the time at most.
            let took = clock.now - begun
            await pause(max(.seconds(settings.period), took * 20))
        }
    }

    /// True when a pod was put out: then there may be more to do at once.
    func look(_ state: inout EvictionState) async throws -> Bool {
        let levels = try await gauge.levels()
        let verdict = settings.verdict(on: levels, after: state, now: context.now())
        state = verdict.state
        await tell(verdict.conditions)
        let active = await pods()
        if try await evictOverLimits(active) { return true }
        guard let threshold = verdict.due.first else { return false }
        await record(.warning, "EvictionThresholdMet", "Attempting to reclaim \(threshold.signal.resource.rawValue)")
        if try await reclaim(threshold) { return false }
        let usages = try await PodUsages(context: context, gauge: gauge).of(active, walksDisk: threshold.isOfDisk)
        guard let victim = settings.victim(of: threshold, levels, usages) else {
            context.log.error("\(threshold.signal.rawValue) is low and no pod may be evicted")
            return false
        }
        await end([(victim.pod, victim.eviction)])
        return true
    }

    /// What the disk holds that nobody needs goes before any pod does. True when that was enough.
    private func reclaim(_ threshold: EvictionThreshold) async throws -> Bool {
        guard threshold.isOfDisk else { return false }
        await removeEndedContainers()
        try await images.removeUnused()
        return !threshold.isMet(try await gauge.levels(), reclaiming: true)
    }

    private func evictOverLimits(_ active: [Pod]) async throws -> Bool {
        let limited = active.filter(\.limitsLocalStorage)
        let usages = try await PodUsages(context: context, gauge: gauge).of(limited, walksDisk: true)
        let over = usages.compactMap { usage in localStorageEviction(of: usage).map { (usage.pod, $0) } }
            .filter { !$0.0.isCritical }
        await end(over)
        return !over.isEmpty
    }

    private func end(_ victims: [(pod: Pod, eviction: Eviction)]) async {
        for (pod, eviction) in victims {
            context.log.notice("evicting pod \(podText(pod.reference)): \(eviction.message)")
            await context.record(PlannedEvent(.warning, evictedReason, eviction.message), pod: pod)
            await evict(pod.reference, eviction)
        }
        let uids = Set(victims.map(\.pod.reference.uid))
        let observer = RuntimeObserver(runtime: context.runtime)
        let clock = ContinuousClock()
        let begun = clock.now
        while !Task.isCancelled, clock.now - begun < .seconds(Self.cleanUp) {
            await pause(.milliseconds(200))
            do {
                var isGone = true
                for uid in uids where try await observer.observe(uid: uid).isAlive { isGone = false }
                if isGone { return }
            } catch {
                context.log.debug("wait for evicted pods: \(SwiftletError.wrapping(error))")
            }
        }
    }

    // MARK: Telling

    private func tell(_ conditions: Set<PressureCondition>) async {
        for condition in context.pressure.set(conditions).sorted(by: { $0.rawValue < $1.rawValue }) {
            let reason = condition.event(conditions.contains(condition))
            await record(.normal, reason, "Node \(context.settings.name) status is now: \(reason)")
        }
    }

    private func record(_ type: EventType, _ reason: String, _ message: String) async {
        await context.record(
            EventRecord(type, object: context.settings.reference, reason: reason, message: message))
    }
}

extension EvictionThreshold {
    fileprivate var isOfDisk: Bool { signal.condition == .disk }
}

extension NodeSettings {
    /// The node as events name it.
    var reference: ObjectReference { ObjectReference(kind: "Node", name: name, uid: name) }
}
