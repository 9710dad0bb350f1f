import Errors
import LinuxSystem

/// Which addresses are free. A slot is a number that stands for the address that far into each range; slots go round, so
/// that one given back is not used again soon.
struct AddressPool: Sendable {
    private(set) var ranges: PodRanges
    /// Of pods, in these ranges or in earlier ones.
    private var taken: Set<IPAddress> = []
    /// The slot looked at next.
    private var cursor: UInt64 = 0

    /// 0 is the network, 1 the gateway.
    private static let firstSlot: UInt64 = 2

    init(_ ranges: PodRanges) { self.ranges = ranges }

    private var lastSlot: UInt64 { ranges.all.map(\.lastSlot).min() ?? 0 }

    /// How many pods there can be.
    var capacity: UInt64 {
        ranges.all.isEmpty ? 0 : lastSlot - AddressPool.firstSlot + 1
    }

    /// One address of each range.
    /// Errors: `resourceExhausted` when none is free, with the flag to set.
    mutating func take() throws(SwiftletError) -> [IPAddress] {
        // As many looks as can find a taken slot, and one more.
        for _ in 0..<min(capacity, UInt64(taken.count) + 1) {
            if cursor < AddressPool.firstSlot || cursor > lastSlot { cursor = AddressPool.firstSlot }
            let addresses = ranges.all.map { $0.base.advanced(by: cursor) }
            cursor += 1
            if addresses.contains(where: taken.contains) { continue }
            taken.formUnion(addresses)
            return addresses
        }
        throw SwiftletError(
            .resourceExhausted, "all \(capacity) addresses of \(ranges) are in use", operation: "give an address",
            hint: "remove pods, or start swiftletd with a wider --pod-cidr")
    }

    /// Notes addresses that an earlier daemon gave out.
    mutating func note(_ addresses: [IPAddress]) { taken.formUnion(addresses) }

    mutating func give(back addresses: [IPAddress]) { taken.subtract(addresses) }

    /// Goes on after this address, if it is of these ranges.
    mutating func goOn(after addresses: [IPAddress]) {
        for range in ranges.all {
            guard let address = addresses.first(where: range.contains) else { continue }
            cursor = UInt64(clamping: address.value - range.base.value) + 1
            return
        }
    }

    /// Later addresses come from other ranges; those given out stay taken.
    mutating func change(to ranges: PodRanges) {
        self.ranges = ranges
        cursor = 0
    }
}
