import JSON
import KubeAPI
import Synchronization

/// Writes events. One that was written lately is counted up, not written anew; old ones go.
///
/// What was seen lately is forgotten when the daemon ends, as by a kubelet.
final class EventRecorder: Sendable {
    /// Kubernetes keeps events for an hour.
    static let keptSeconds: Int64 = 3600
    /// Room for the newest only: a crash loop must not fill the disk.
    static let kept = 2000
    /// How often old ones are looked for.
    private static let sweepSeconds: Int64 = 600
    private static let sweepInserts = 100

    private struct State {
        var correlator = EventCorrelator()
        /// What this recorder wrote, by what it says.
        var written: [EventCorrelator.Identity: ObjectKey] = [:]
        var inserts = 0
        var lastSweep = Timestamp(seconds: 0)
    }

    private let objects: Objects
    private let component: String
    private let state = Mutex(State())

    init(objects: Objects, component: String) {
        self.objects = objects
        self.component = component
    }

    func record(_ record: EventRecord) async throws {
        let now = objects.now()
        guard let decision = state.withLock({ $0.correlator.take(record, now: now) }) else { return }
        if let key = state.withLock({ $0.written[decision.identity] }) {
            let counted = try await objects.store.write { try Self.count(key, decision, now, in: &$0) }
            if counted { return }
        }
        let event = self.event(record, decision, now)
        let key = ObjectKey(
            resource: .events, namespace: event.metadata.namespace ?? "default", name: event.metadata.name ?? "")
        let sweeps = state.withLock { state in
            state.inserts += 1
            guard state.inserts % Self.sweepInserts == 0 || now.seconds - state.lastSweep.seconds > Self.sweepSeconds
            else {
                return false
            }
            state.lastSweep = now
            return true
        }
        let gone = try await objects.store.write { transaction in
            let gone = sweeps ? try Self.sweep(now, in: &transaction) : []
            try transaction.save(key, event.json, previous: nil)
            return Set(gone)
        }
        state.withLock { state in
            if !gone.isEmpty { state.written = state.written.filter { !gone.contains($0.value) } }
            state.written[decision.identity] = key
        }
    }

    private func event(_ record: EventRecord, _ decision: EventCorrelator.Decision, _ now: Timestamp) -> Event {
        // A name as Kubernetes' own recorders make it: the object's and something that differs each time.
        let name = "\(record.object.name ?? "object").\(Identifiers.generated(""))\(Identifiers.generated(""))"
        var event = Event(
            metadata: ObjectMeta(name: name, namespace: record.object.namespace ?? "default"),
            involvedObject: record.object)
        event.metadata.uid = Identifiers.uid()
        event.metadata.creationTimestamp = now.truncated
        (event.type, event.reason, event.message) = (record.type, record.reason, decision.message)
        (event.firstTimestamp, event.lastTimestamp) = (now.truncated, now.truncated)
        event.count = Int32(clamping: decision.count)
        event.source = EventSource(component: component, host: objects.nodeName)
        (event.reportingComponent, event.reportingInstance) = (component, objects.nodeName)
        return event
    }

    /// False when the event is gone meanwhile.
    private static func count(
        _ key: ObjectKey, _ decision: EventCorrelator.Decision, _ now: Timestamp,
        in transaction: inout StoreTransaction
    ) throws -> Bool {
        guard let event = try transaction.get(key) else { return false }
        var counted = event
        counted["count"] = .int(min((event["count"]?.int ?? 1) + decision.count, Int64(Int32.max)))
        counted["message"] = .string(decision.message)
        counted["lastTimestamp"] = .string(now.rfc3339)
        try transaction.save(key, counted, previous: event)
        return true
    }

    /// Removes what is too old or too much, and says what.
    private static func sweep(_ now: Timestamp, in transaction: inout StoreTransaction) throws -> [ObjectKey] {
        func last(_ event: JSONValue) -> Timestamp {
            let text = event["lastTimestamp"]?.string ?? event.metadata["creationTimestamp"]?.string ?? ""
            return (try? Timestamp(rfc3339: text)) ?? Timestamp(seconds: 0)
        }
        let aged = try transaction.list(.events, namespace: nil).map { (time: last($0), event: $0) }
            .sorted { $0.time < $1.time }
        let excess = max(0, aged.count - kept)
        var gone: [ObjectKey] = []
        for (index, entry) in aged.enumerated() where index < excess || now.seconds - entry.time.seconds > keptSeconds {
            let namespace = entry.event.metadata["namespace"]?.string ?? ""
            let key = ObjectKey(resource: .events, namespace: namespace, name: entry.event.name)
            try transaction.remove(key, previous: entry.event)
            gone.append(key)
        }
        return gone
    }
}
