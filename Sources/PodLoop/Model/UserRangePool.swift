import Errors

/// Which pod has which range. No two ranges in it ever overlap.
struct UserRangePool: Sendable {
    let ids: UserIDs
    private(set) var held: [String: UserRange] = [:]
    /// Ranges of `ids`, by number, that somebody's range touches.
    private var taken: Set<UInt32> = []
    /// Where the search begins: a range given back rests as long as there are others.
    private var next: UInt32 = 0

    init(ids: UserIDs) { self.ids = ids }

    /// What a pod has already: also one of earlier settings. Errors: `dataLoss` when another has some of it.
    mutating func hold(_ range: UserRange, for uid: String) throws(SwiftletError) {
        if held[uid] == range { return }
        guard held[uid] == nil, !held.values.contains(where: range.overlaps) else {
            throw SwiftletError(
                .dataLoss, "two pods have ids \(range.first)-\(UInt64(range.first) + UInt64(range.count) - 1)",
                object: "pod \(printable(uid))", hint: "delete this pod")
        }
        held[uid] = range
        taken.formUnion(numbers(range))
    }

    /// The pod's range, or the next free one. Errors: `resourceExhausted`.
    mutating func take(for uid: String) throws(SwiftletError) -> UserRange {
        if let range = held[uid] { return range }
        for step in 0..<ids.ranges {
            let number = (next + step) % ids.ranges
            guard taken.insert(number).inserted else { continue }
            next = (number + 1) % ids.ranges
            let range = UserRange(first: ids.first + number * UserIDs.perPod)
            held[uid] = range
            return range
        }
        throw SwiftletError(
            .resourceExhausted, "all \(ids.ranges) ranges of ids for user namespaces are in use",
            hint: "delete a pod with hostUsers: false, or start swiftletd with a larger --userns-ids")
    }

    mutating func giveBack(of uid: String) {
        guard let range = held.removeValue(forKey: uid) else { return }
        // A range of earlier settings may touch two numbers, and share each with a neighbour.
        taken.subtract(numbers(range).filter { number in !held.values.contains { numbers($0).contains(number) } })
    }

    private func numbers(_ range: UserRange) -> Range<UInt32> {
        let perPod = UInt64(UserIDs.perPod)
        let (first, end) = (UInt64(range.first), UInt64(range.first) + UInt64(range.count))
        let (base, limit) = (UInt64(ids.first), UInt64(ids.first) + UInt64(ids.ranges) * perPod)
        guard first < limit, end > base, end > first else { return 0..<0 }
        let low = (max(first, base) - base) / perPod
        let high = (min(end, limit) - base + perPod - 1) / perPod
        return UInt32(low)..<UInt32(high)
    }
}
