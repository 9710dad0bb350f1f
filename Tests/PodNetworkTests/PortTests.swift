import Errors
import LinuxSystem
import Testing

@testable import PodNetwork

private func mapping(
    _ host: UInt16, _ address: String = "", _ transport: PortMapping.Transport = .tcp, pod: UInt16 = 80
)
    -> PortMapping
{
    PortMapping(transport: transport, containerPort: pod, hostPort: host, hostAddress: address)
}

@Suite struct HostPortTests {
    private let ranges: PodRanges

    init() throws { ranges = try PodRanges(parsing: "10.1.0.0/24,fd00:1::/64") }

    private func ports(_ mappings: PortMapping...) throws -> [HostPort] { try HostPort.plan(mappings, ranges: ranges) }

    @Test(arguments: [
        ("", "", true), ("", "192.0.2.1", true), ("", "0.0.0.0", true), ("0.0.0.0", "::", false),
        ("0.0.0.0", "192.0.2.1", true), ("0.0.0.0", "2001:db8::1", false), ("::", "2001:db8::1", true),
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("127.0.0.1", "::1", false),
        ("2001:db8::1", "2001:0db8::0001", true),
    ])
    func overlap(_ one: String, _ other: String, _ conflicts: Bool) throws {
        for (first, second) in [(one, other), (other, one)] {
            var all = HostPorts()
            try all.take(try ports(mapping(80, first)), for: "a", pod: "default/holder")
            let refused = #expect(throws: (any Error).self) {
                try all.take(try ports(mapping(80, second)), for: "b", pod: "default/other")
                if !conflicts { throw SwiftletError(.unknown, "taken") }
            }
            #expect("\(String(describing: refused))".contains("default/holder") == conflicts)
        }
    }

    @Test func othersAreFree() throws {
        var all = HostPorts()
        try all.take(try ports(mapping(80)), for: "a", pod: "a")
        try all.take(try ports(mapping(80, "", .udp), mapping(81)), for: "b", pod: "b")
        let error = #expect(throws: SwiftletError.self) {
            try all.take(try ports(mapping(82), mapping(81)), for: "c", pod: "c")
        }
        #expect(error?.code == .alreadyExists)
        // All or none.
        try all.take(try ports(mapping(82)), for: "d", pod: "d")
        all.give(back: try ports(mapping(80)), of: "a")
        try all.take(try ports(mapping(80)), for: "e", pod: "e")
    }

    @Test func samePortTwice() throws {
        #expect(try ports(mapping(80), mapping(80), mapping(0)).count == 1)
        var all = HostPorts()
        let twice = try ports(mapping(80), mapping(80, pod: 81))
        #expect(throws: SwiftletError.self) { try all.take(twice, for: "a", pod: "a") }
    }

    @Test func badOnes() throws {
        #expect(throws: SwiftletError.self) { try ports(mapping(80, "host")) }
        #expect(throws: SwiftletError.self) { try ports(mapping(80, pod: 0)) }
        let only = try PodRanges(parsing: "10.1.0.0/24")
        #expect(throws: SwiftletError.self) { try HostPort(mapping(80, "2001:db8::1"), ranges: only) }
        #expect(try HostPort(mapping(80, "::1"), ranges: only).place == .address(.loopback6))
    }

    @Test func entriesOfMaps() throws {
        let lease = try lease(
            "a",
            ports: [
                mapping(8080, "", .tcp), mapping(53, "192.0.2.1", .udp, pod: 5353), mapping(9, "::1"), mapping(7, "::"),
            ])
        let elements = PodRules.elements(lease)
        #expect(elements["ports4"] == [.init(key: [6, 0, 0, 0, 0x1f, 0x90, 0, 0], value: [10, 1, 0, 2, 0, 80, 0, 0])])
        #expect(
            elements["bound4"] == [
                .init(key: [192, 0, 2, 1, 17, 0, 0, 0, 0, 53, 0, 0], value: [10, 1, 0, 2, 0x14, 0xe9, 0, 0])
            ])
        #expect(elements["ports6"]?.map(\.key) == [[6, 0, 0, 0, 0x1f, 0x90, 0, 0], [6, 0, 0, 0, 0, 7, 0, 0]])
        #expect(elements["bound6"] == nil)
        #expect(elements["self4"] == [.init(key: [10, 1, 0, 2, 10, 1, 0, 2])])
        #expect(PodRules.elements(try PodNetworkTests.lease("b")).isEmpty)
    }

    @Test func whatTheDaemonPassesOn() throws {
        let both = try lease("a")
        let six = try lease("b", ["fd00:1::2"])
        let four = try lease("c", ["10.1.0.2"])
        func target(_ address: String, _ loopback: IPAddress, _ lease: Lease) throws -> String? {
            LoopbackProxies.target(try HostPort(mapping(80, address), ranges: ranges), loopback, lease)?.description
        }
        #expect(try target("", .loopback6, both) == "fd00:1::2")
        #expect(try target("", .loopback4, both) == nil)
        #expect(try target("", .loopback4, six) == "fd00:1::2")
        #expect(try target("", .loopback6, four) == "10.1.0.2")
        #expect(try target("0.0.0.0", .loopback6, both) == nil)
        #expect(try target("192.0.2.1", .loopback6, both) == nil)
        #expect(try target("::1", .loopback6, both) == "fd00:1::2")
    }
}
