import KubeAPI

/// What becomes of an event before it is written, as Kubernetes' own recorders have it (client-go's event correlator): many
/// that differ in their message only become one, and an object that causes events without end is heard now and then only.
struct EventCorrelator {
    /// From this many different messages on, within so many seconds of each other, similar events are one.
    static let mostSimilar = 10
    static let similarSeconds: Double = 600
    static let prefix = "(combined from similar events): "
    /// Events of one object: so many at once, then one every so many seconds.
    static let burst: Double = 25
    static let refillSeconds: Double = 300
    /// Groups and objects that are remembered.
    static let remembered = 4096

    /// Events of one identity are one event that is counted up.
    struct Identity: Hashable {
        var group: Group
        /// Nil for the one that stands for many.
        var message: String?
    }

    struct Group: Hashable {
        var object: ObjectReference
        var type: EventType
        var reason: String
    }

    struct Decision: Equatable {
        var identity: Identity
        var message: String
        /// Itself, and those that were not written since the last.
        var count: Int64
    }

    private struct Similar {
        var messages: Set<String> = []
        var last: Timestamp
    }

    private struct Bucket {
        var tokens = EventCorrelator.burst
        var last: Timestamp
    }

    private var groups: [Group: Similar] = [:]
    private var buckets: [ObjectReference: Bucket] = [:]
    private var unwritten: [Identity: Int64] = [:]

    /// Nil when it is not to be written.
    mutating func take(_ record: EventRecord, now: Timestamp) -> Decision? {
        let group = Group(object: record.object, type: record.type, reason: record.reason)
        let isOneOfMany = isOneOfMany(group, record.message, now)
        let identity = Identity(group: group, message: isOneOfMany ? nil : record.message)
        let count = (unwritten[identity] ?? 0) + 1
        guard hasToken(record.object, now) else {
            if unwritten.count >= Self.remembered { unwritten = [:] }
            unwritten[identity] = count
            return nil
        }
        unwritten[identity] = nil
        return Decision(
            identity: identity, message: (isOneOfMany ? Self.prefix : "") + record.message, count: count)
    }

    private mutating func isOneOfMany(_ group: Group, _ message: String, _ now: Timestamp) -> Bool {
        var similar = groups[group] ?? Similar(last: now)
        if now.timeInterval(since: similar.last) > Self.similarSeconds { similar = Similar(last: now) }
        similar.last = now
        similar.messages.insert(message)
        let isOneOfMany = similar.messages.count >= Self.mostSimilar
        // One more than are needed would be too many to keep.
        if isOneOfMany { similar.messages.remove(message) }
        groups[group] = similar
        if groups.count > Self.remembered { groups = newestHalf(groups, \.last) }
        return isOneOfMany
    }

    private mutating func hasToken(_ object: ObjectReference, _ now: Timestamp) -> Bool {
        var whole = object
        whole.fieldPath = nil
        var bucket = buckets[whole] ?? Bucket(last: now)
        let refilled = max(0, now.timeInterval(since: bucket.last)) / Self.refillSeconds
        bucket.tokens = min(Self.burst, bucket.tokens + refilled)
        bucket.last = now
        let has = bucket.tokens >= 1
        if has { bucket.tokens -= 1 }
        buckets[whole] = bucket
        if buckets.count > Self.remembered { buckets = newestHalf(buckets, \.last) }
        return has
    }

    private func newestHalf<Key, Value>(_ all: [Key: Value], _ last: (Value) -> Timestamp) -> [Key: Value] {
        let newest = all.sorted { last($0.value) > last($1.value) }.prefix(Self.remembered / 2)
        return Dictionary(uniqueKeysWithValues: newest.map { ($0.key, $0.value) })
    }
}
