import JSON
import KubeAPI

/// Writes events. The same event again within the time kept is counted up, not written anew; events older than that go.
struct EventRecorder: Sendable {
    let objects: Objects
    let component: String

    /// Kubernetes keeps events for an hour.
    static let keptSeconds: Int64 = 3600
    /// Room for the newest only: a crash loop must not fill the disk.
    static let kept = 2000

    func record(_ record: EventRecord) async throws {
        let now = objects.now()
        let (uid, suffix) = (Identifiers.uid(), Identifiers.generated(""))
        let source = EventSource(component: component, host: objects.nodeName)
        let namespace = record.object.namespace ?? "default"
        try await objects.store.write { transaction in
            let present = try transaction.list(.events, namespace: namespace)
            if let same = present.last(where: { Self.isSame($0, record, component: component) }) {
                return try Self.count(same, namespace, now, in: &transaction)
            }
            try Self.removeOld(present, namespace, now, in: &transaction)
            // A name as Kubernetes' own recorders make it: the object's and a number that differs each time.
            var event = Event(
                metadata: ObjectMeta(name: "\(record.object.name ?? "object").\(suffix)", namespace: namespace),
                involvedObject: record.object)
            event.metadata.uid = uid
            event.metadata.creationTimestamp = now.truncated
            (event.type, event.reason, event.message) = (record.type, record.reason, record.message)
            (event.firstTimestamp, event.lastTimestamp, event.count) = (now.truncated, now.truncated, 1)
            (event.source, event.reportingComponent, event.reportingInstance) = (source, source.component, source.host)
            let key = ObjectKey(resource: .events, namespace: namespace, name: event.metadata.name ?? "")
            try transaction.save(key, event.json, previous: nil)
        }
    }

    private static func isSame(_ event: JSONValue, _ record: EventRecord, component: String) -> Bool {
        event["reason"]?.string == record.reason && event["message"]?.string == record.message
            && event["type"]?.string == record.type.rawValue && event["source"]?["component"]?.string == component
            && event["involvedObject"] == record.object.json
    }

    private static func count(
        _ event: JSONValue, _ namespace: String, _ now: Timestamp, in transaction: inout StoreTransaction
    ) throws {
        var counted = event
        counted["count"] = .int((event["count"]?.int ?? 1) + 1)
        counted["lastTimestamp"] = .string(now.rfc3339)
        try transaction.save(
            ObjectKey(resource: .events, namespace: namespace, name: event.name), counted, previous: event)
    }

    private static func removeOld(
        _ events: [JSONValue], _ namespace: String, _ now: Timestamp, in transaction: inout StoreTransaction
    ) throws {
        func last(_ event: JSONValue) -> Timestamp {
            let text = event["lastTimestamp"]?.string ?? event.metadata["creationTimestamp"]?.string ?? ""
            return (try? Timestamp(rfc3339: text)) ?? Timestamp(seconds: 0)
        }
        let aged = events.map { (time: last($0), event: $0) }.sorted { $0.time < $1.time }
        let excess = max(0, aged.count - kept + 1)
        for (index, entry) in aged.enumerated() where index < excess || now.seconds - entry.time.seconds > keptSeconds {
            try transaction.remove(
                ObjectKey(resource: .events, namespace: namespace, name: entry.event.name), previous: entry.event)
        }
    }
}
