import Errors
import LinuxSystem
import Testing

@testable import PodNetwork

@Suite struct AddressRanges {
    @Test(arguments: [
        ("10.85.0.0/16", "10.85.0.0", "10.85.255.255"), ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
        ("192.0.2.7/32", "192.0.2.7", "192.0.2.7"), ("fd00:85::/64", "fd00:85::", "fd00:85::ffff:ffff:ffff:ffff"),
        ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ("::1/128", "::1", "::1"),
    ])
    func edges(_ text: String, _ first: String, _ last: String) throws {
        let range = try AddressRange(parsing: text)
        #expect(range.description == text)
        #expect(range.base.description == first)
        #expect(range.last.description == last)
        #expect(range.contains(range.base) && range.contains(range.last))
    }

    @Test(arguments: [
        "", "/", "10.85.0.0", "10.85.0.0/", "10.85.0.0/33", "10.85.0.0/-1", "10.85.0.0/+8", "10.85.0.0/16/2",
        "10.85/16",
        "fd00::/129", "fd00::%eth0/64", "::ffff:1.2.3/96", "10.85.0.0/999999999999999999999", "10.85.0.0 /16", "x/1",
    ])
    func refused(_ text: String) {
        #expect(throws: SwiftletError.self) { try AddressRange(parsing: text) }
    }

    @Test func hostBitsAreNamed() {
        let error = #expect(throws: SwiftletError.self) { try AddressRange(parsing: "10.85.3.7/16") }
        #expect(error?.hint == "write 10.85.0.0/16")
    }

    @Test func overlapIsSymmetricAndAgreesWithContainment() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let isIPv6 = Bool.random(using: &generator)
            // Few distinct bits, so that both outcomes are common.
            func range() -> AddressRange {
                let value = UInt128(UInt8.random(in: 0...15, using: &generator)) << (isIPv6 ? 124 : 28)
                return AddressRange(
                    containing: IPAddress(isIPv6: isIPv6, value: value),
                    prefix: Int.random(in: 0...6, using: &generator))
            }
            let (one, other) = (range(), range())
            #expect(one.overlaps(other) == other.overlaps(one))
            #expect(one.overlaps(other) == (one.contains(other.base) || other.contains(one.base)))
        }
        #expect(!(try AddressRange(parsing: "0.0.0.0/0").overlaps(try AddressRange(parsing: "::/0"))))
    }

    @Test func bytesGoThereAndBack() throws {
        for text in ["0.0.0.0", "10.85.1.2", "255.255.255.255", "::", "fd00:85::a", "2001:db8:1:2:3:4:5:6"] {
            let address = try #require(IPAddress(text))
            #expect(IPAddress(bytes: address.bytes) == address)
            #expect(address.description == text)
        }
        #expect(IPAddress(bytes: [1, 2, 3]) == nil)
        #expect(IPAddress("10.85.0.1\0x") == nil)
    }
}

@Suite struct Ranges {
    @Test func bothFamiliesInAnyOrder() throws {
        let ranges = try PodRanges(parsing: "fd00:1::/64, 10.1.0.0/24")
        #expect(ranges.description == "10.1.0.0/24,fd00:1::/64")
        #expect(try PodRanges(parsing: "10.1.0.0/24").ipv6 == nil)
    }

    @Test(arguments: [
        ("10.1.0.0/24,10.2.0.0/24", "both of IPv4"), ("10.1.0.0/31", "no room"), ("fd00::/127", "no room"),
        ("127.1.0.0/24", "127.0.0.0/8"), ("169.254.0.0/24", "169.254"), ("224.0.0.0/8", "224.0.0.0/3"),
        ("fe80::/64", "fe80::/10"), ("ff02::/64", "ff00::/8"), ("::/64", "::/8"), ("10.1.0.0/24,", "no range"),
        ("", "no range"),
        ("0.0.0.0/0", "0.0.0.0/8"),
    ])
    func refused(_ text: String, _ part: String) {
        let error = #expect(throws: SwiftletError.self) { try PodRanges(parsing: text) }
        #expect(error?.description.contains(part) == true, "\(String(describing: error))")
    }
}

@Suite struct Pool {
    private func pool(_ text: String) throws -> AddressPool { AddressPool(try PodRanges(parsing: text)) }

    @Test func givesPairsAndNeverTheGateway() throws {
        var pool = try pool("10.1.0.0/29,fd00:1::/64")
        #expect(pool.capacity == 5)
        let all = try (0..<5).map { _ in try pool.take().map(\.description) }
        #expect(all.first == ["10.1.0.2", "fd00:1::2"])
        #expect(all.last == ["10.1.0.6", "fd00:1::6"])
        let error = #expect(throws: SwiftletError.self) { try pool.take() }
        #expect(error?.code == .resourceExhausted)
        #expect(error?.description.contains("--pod-cidr") == true)
    }

    @Test func goesRound() throws {
        var pool = try pool("10.1.0.0/29")
        let first = try pool.take()
        pool.give(back: first)
        for _ in 0..<4 { #expect(try pool.take() != first) }
        #expect(try pool.take() == first)
    }

    @Test func goesOnAfterARestart() throws {
        var before = try pool("10.1.0.0/24,fd00:1::/64")
        let given = try (0..<3).map { _ in try before.take() }
        var after = try pool("10.1.0.0/24,fd00:1::/64")
        after.note(given[0])
        after.goOn(after: given[2])
        #expect(try after.take().first?.description == "10.1.0.5")
    }

    @Test func changedRangesRespectWhatWasGivenOut() throws {
        var pool = try pool("10.1.0.0/30")
        let old = try pool.take()
        pool.change(to: try PodRanges(parsing: "10.1.0.0/29"))
        #expect(try pool.take().first?.description == "10.1.0.3")
        pool.give(back: old)
        pool.change(to: try PodRanges(parsing: "fd00:2::/126"))
        #expect(try pool.take().first?.description == "fd00:2::2")
        #expect(try pool.take().first?.description == "fd00:2::3")
        #expect(throws: SwiftletError.self) { try pool.take() }
    }

    /// Whatever the order of taking and giving back, nobody has what another has.
    @Test func neverTwice() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            var pool = try pool("10.1.0.0/27,fd00:1::/123")
            var held: [[IPAddress]] = []
            for _ in 0..<400 {
                if Bool.random(using: &generator), let index = held.indices.randomElement(using: &generator) {
                    pool.give(back: held.remove(at: index))
                } else if held.count < pool.capacity {
                    held.append(try pool.take())
                } else {
                    #expect(throws: SwiftletError.self) { try pool.take() }
                }
                let all = held.flatMap(\.self)
                #expect(Set(all).count == all.count)
            }
        }
    }
}

@Suite struct Bandwidths {
    @Test(
        arguments: [
            ("1k", 1_000), ("10M", 10_000_000), ("1.5G", 1_500_000_000), ("1Ki", 1024), ("1000", 1000),
            ("1P", 1_000_000_000_000_000),
            (".5M", 500_000), ("2.0001k", 2001), ("0.5Mi", 524_288),
        ] as [(String, UInt64)])
    func read(_ text: String, _ rate: UInt64) throws {
        #expect(try Bandwidth(annotations: [Bandwidth.egressAnnotation: text]) == Bandwidth(egress: rate))
    }

    @Test(arguments: [
        "", "k", ".", "-1M", "1e6", "1.2.3M", "999", "1.1P", "2P", "1 M", "10Mbit", "18446744073709551616",
        "99999999999999P", "٣M",
    ])
    func refused(_ text: String) {
        let error = #expect(throws: SwiftletError.self) {
            try Bandwidth(annotations: [Bandwidth.ingressAnnotation: text])
        }
        #expect(error?.description.contains(Bandwidth.ingressAnnotation) == true)
    }

    @Test func noneIsNoLimit() throws { #expect(try Bandwidth(annotations: ["a": "b"]) == Bandwidth()) }
}
