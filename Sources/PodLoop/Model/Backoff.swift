import KubeAPI

/// A delay that doubles: 10 s, 20 s, … 300 s, and starts over after a long quiet time.
///
/// Kubernetes measures the wait from the event that asked for it (a container's end), not from the last decision.
public struct Backoff: Sendable, Equatable {
    public static let first: Int64 = 10
    public static let most: Int64 = 300
    /// Seconds without trouble after which the doubling is forgotten.
    public static let forgetAfter: Double = 600

    /// Seconds.
    public private(set) var delay: Int64
    /// When it was last raised.
    public private(set) var raisedAt: Timestamp

    private init(delay: Int64, raisedAt: Timestamp) {
        self.delay = delay
        self.raisedAt = raisedAt
    }

    /// Until when a thing that failed at `event` must wait; nil when it need not.
    public static func waitUntil(_ backoff: Backoff?, event: Timestamp, now: Timestamp) -> Timestamp? {
        guard let backoff, event.timeInterval(since: backoff.raisedAt) <= forgetAfter else { return nil }
        let end = event + backoff.delay
        return now < end ? end : nil
    }

    /// The backoff after one more try at `now` of a thing that failed at `event`.
    public static func raised(_ backoff: Backoff?, event: Timestamp, now: Timestamp) -> Backoff {
        guard let backoff, event.timeInterval(since: backoff.raisedAt) <= forgetAfter else {
            return Backoff(delay: first, raisedAt: now)
        }
        return Backoff(delay: min(backoff.delay * 2, most), raisedAt: now)
    }
}
