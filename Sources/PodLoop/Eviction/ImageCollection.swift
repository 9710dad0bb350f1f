import KubeAPI

/// A kubelet's settings for images that nobody uses.
public struct ImageCollectionSettings: Sendable, Equatable {
    /// Percent of the file system in use, above which images go; 100 for never.
    public var high: Int
    /// Down to which they go.
    public var low: Int
    /// Seconds an image is left alone after it came.
    public var minimumAge: Double
    /// Seconds an image may be there unused; 0 for ever.
    public var maximumAge: Double
    /// Seconds between two looks.
    public var period: Double

    public init(
        high: Int = 85, low: Int = 80, minimumAge: Double = 120, maximumAge: Double = 0, period: Double = 300
    ) {
        self.high = high
        self.low = low
        self.minimumAge = minimumAge
        self.maximumAge = maximumAge
        self.period = period
    }
}

/// An image as its collection sees it.
public struct KnownImage: Sendable, Equatable {
    public var id: String
    public var bytes: Int64
    public var isPinned: Bool
    public var isUsed: Bool
    public var firstSeen: Timestamp
    /// Nil when it has not been used since it was seen first.
    public var lastUsed: Timestamp?

    public init(
        id: String, bytes: Int64, isPinned: Bool = false, isUsed: Bool = false, firstSeen: Timestamp,
        lastUsed: Timestamp? = nil
    ) {
        self.id = id
        self.bytes = bytes
        self.isPinned = isPinned
        self.isUsed = isUsed
        self.firstSeen = firstSeen
        self.lastUsed = lastUsed
    }
}

extension ImageCollectionSettings {
    /// Bytes to free so that the file system is down at `low` again; nil while it is below `high`.
    public func excess(_ level: NodeLevel) -> Int64? {
        guard high < 100, level.capacity > 0, usedPercent(level) >= high else { return nil }
        return max(0, Int64(Double(level.capacity) * Double(100 - low) / 100) - level.available)
    }

    public func usedPercent(_ level: NodeLevel) -> Int {
        100 - Int(Double(level.available) * 100 / Double(max(1, level.capacity)))
    }

    /// The images to remove, in this order, for `bytes` to be free or as near to it as can be; nil for all. The one whose
    /// last use is the longest ago goes first, one never used before all that were. Never one in use, pinned or younger
    /// than the minimum age.
    public func victims(_ images: [KnownImage], bytes: Int64?, now: Timestamp) -> [KnownImage] {
        var left = bytes ?? .max
        return removable(images, now).filter { image in
            guard left > 0 else { return false }
            left -= image.bytes
            return true
        }
    }

    /// Those that are unused for too long.
    public func outdated(_ images: [KnownImage], now: Timestamp) -> [KnownImage] {
        guard maximumAge > 0 else { return [] }
        return removable(images, now).filter { now.timeInterval(since: $0.lastUsed ?? $0.firstSeen) > maximumAge }
    }

    private func removable(_ images: [KnownImage], _ now: Timestamp) -> [KnownImage] {
        images.filter { image in
            !image.isUsed && !image.isPinned && now.timeInterval(since: image.firstSeen) >= minimumAge
        }.sorted { one, other in
            guard one.lastUsed == other.lastUsed else {
                guard let left = one.lastUsed else { return true }
                guard let right = other.lastUsed else { return false }
                return left < right
            }
            return (one.firstSeen, one.id) < (other.firstSeen, other.id)
        }
    }
}
