import Errors
import KubeAPI

/// An amount, or a part of all there is.
public enum EvictionAmount: Sendable, Hashable {
    case absolute(Int64)
    case percent(Double)

    public func value(of capacity: Int64) -> Int64 {
        switch self {
        case .absolute(let value): value
        case .percent(let percent): Int64(Double(capacity) * percent / 100)
        }
    }

    /// `100Mi`, `10%`.
    init(parsing text: Substring) throws(SwiftletError) {
        if text.hasSuffix("%") {
            guard let percent = Double(text.dropLast()), percent >= 0, percent <= 100 else {
                throw .invalid("\"\(printable(String(text)))\" is no percentage between 0% and 100%")
            }
            self = .percent(percent)
            return
        }
        let quantity: Quantity
        do { quantity = try Quantity(String(text)) } catch { throw SwiftletError.wrapping(error) }
        guard !quantity.isNegative else { throw .invalid("\(text) is negative") }
        self = .absolute(quantity.value)
    }

    /// A threshold that a kubelet takes for none.
    var isOff: Bool { self == .percent(0) || self == .percent(100) }
}

/// When less than so much is left, pods must go.
public struct EvictionThreshold: Sendable, Hashable {
    public var signal: EvictionSignal
    public var value: EvictionAmount
    /// How long it must be met first; nil for a hard one, upon which pods go at once.
    public var gracePeriod: Double?
    /// Once met it counts as met until so much more is there.
    public var minimumReclaim: EvictionAmount?

    public init(
        _ signal: EvictionSignal, _ value: EvictionAmount, gracePeriod: Double? = nil,
        minimumReclaim: EvictionAmount? = nil
    ) {
        self.signal = signal
        self.value = value
        self.gracePeriod = gracePeriod
        self.minimumReclaim = minimumReclaim
    }

    public func isMet(_ levels: NodeLevels, reclaiming: Bool = false) -> Bool {
        guard let level = levels[signal] else { return false }
        var wanted = value.value(of: level.capacity)
        if reclaiming, let minimumReclaim { wanted += minimumReclaim.value(of: level.capacity) }
        return level.available < wanted
    }
}

/// A kubelet's settings of eviction.
public struct EvictionSettings: Sendable, Equatable {
    public var thresholds: [EvictionThreshold]
    /// Seconds a pod has at most to end by itself upon a soft threshold.
    public var maximumPodGracePeriod: Int64
    /// Seconds a condition stays after it was last seen, so that it does not flap.
    public var pressureTransitionPeriod: Double
    /// Seconds between two looks.
    public var period: Double

    public static let standardHard =
        "memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,imagefs.inodesFree<5%"

    public init(
        thresholds: [EvictionThreshold], maximumPodGracePeriod: Int64 = 0, pressureTransitionPeriod: Double = 300,
        period: Double = 10
    ) {
        self.thresholds = thresholds
        self.maximumPodGracePeriod = maximumPodGracePeriod
        self.pressureTransitionPeriod = pressureTransitionPeriod
        self.period = period
    }

    /// From the flags' texts: `memory.available<100Mi,…`, and `memory.available=1m30s,…`. Errors: `invalidArgument`, naming
    /// the flag and the part that is wrong.
    public static func thresholds(
        hard: String, soft: String, softGracePeriods: String, minimumReclaims: String
    ) throws(SwiftletError) -> [EvictionThreshold] {
        let graces = try table("--eviction-soft-grace-period", softGracePeriods, "=") {
            (text) throws(SwiftletError) -> Double in
            guard let seconds = durationSeconds(String(text)), seconds >= 0 else {
                throw .invalid("\"\(printable(String(text)))\" is no time such as 1m30s")
            }
            return seconds
        }
        let reclaims = try table("--eviction-minimum-reclaim", minimumReclaims, "=", EvictionAmount.init(parsing:))
        let hards = try table("--eviction-hard", hard, "<", EvictionAmount.init(parsing:))
        let softs = try table("--eviction-soft", soft, "<", EvictionAmount.init(parsing:))
        for (signal, _) in softs where !graces.contains(where: { $0.signal == signal }) {
            throw .invalid("--eviction-soft: \(signal.rawValue) has no time in --eviction-soft-grace-period")
        }
        func threshold(_ entry: (signal: EvictionSignal, value: EvictionAmount), isSoft: Bool) -> EvictionThreshold? {
            guard !entry.value.isOff else { return nil }
            return EvictionThreshold(
                entry.signal, entry.value,
                gracePeriod: isSoft ? graces.first { $0.signal == entry.signal }?.value : nil,
                minimumReclaim: reclaims.first { $0.signal == entry.signal }?.value)
        }
        return hards.compactMap { threshold($0, isSoft: false) } + softs.compactMap { threshold($0, isSoft: true) }
    }

    /// What pods cannot have without being put out for it at once, by the capacity it is a part of.
    public func reservation(of capacity: [String: Quantity]) -> [String: Quantity] {
        var kept: [String: Quantity] = [:]
        for threshold in thresholds where threshold.gracePeriod == nil {
            let name = threshold.signal.resource.rawValue
            guard threshold.signal == .memoryAvailable || threshold.signal == .nodefsAvailable,
                let all = capacity[name]?.value, all > 0
            else { continue }
            kept[name] = Quantity(bytes: min(all, threshold.value.value(of: all)))
        }
        return kept
    }

    private static func table<Value>(
        _ flag: String, _ text: String, _ mark: Character, _ read: (Substring) throws(SwiftletError) -> Value
    ) throws(SwiftletError) -> [(signal: EvictionSignal, value: Value)] {
        var entries: [(signal: EvictionSignal, value: Value)] = []
        if text == "none" { return entries }
        do throws(SwiftletError) {
            for part in text.split(separator: ",") {
                let sides = part.split(separator: mark, maxSplits: 1, omittingEmptySubsequences: false)
                guard sides.count == 2 else {
                    throw .invalid("\"\(printable(String(part)))\" is not of the form signal\(mark)value")
                }
                guard let signal = EvictionSignal(rawValue: String(sides[0])) else {
                    throw SwiftletError(
                        .invalidArgument, "there is no signal \"\(printable(String(sides[0])))\"",
                        hint: "use \(EvictionSignal.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                guard !entries.contains(where: { $0.signal == signal }) else {
                    throw .invalid("\(signal.rawValue) is there twice")
                }
                entries.append((signal, try read(sides[1])))
            }
        } catch { throw error.during(flag) }
        return entries
    }
}
