import Errors
import JSON
import LinuxSystem

/// What a sandbox has of the network, as it is kept on disk from before it is made until after it is gone.
struct Lease: Sendable, Equatable {
    var sandboxID: String
    /// `namespace/name`, for messages.
    var pod: String
    /// Leases count up: the highest number tells where to look for the next free address.
    var number: Int64
    var addresses: [IPAddress]
    /// The ranges the addresses are of: they may be others by now.
    var ranges: PodRanges
    var ports: [PortMapping]
    var bandwidth: Bandwidth

    /// The hardware address of the pod's interface: one for each address there can be.
    var hardware: HardwareAddress {
        guard let address = addresses.first else { return HardwareAddress(0x0a, 0x58, 0) }
        if !address.isIPv6 { return HardwareAddress(0x0a, 0x58, UInt32(truncatingIfNeeded: address.value)) }
        // Without IPv4 the low 40 bits are as good as unique, within a range of that size.
        return HardwareAddress(
            0x0e, UInt8(truncatingIfNeeded: address.value >> 32), UInt32(truncatingIfNeeded: address.value))
    }

    /// The host's name of the pod's link: the head of the sandbox's id, so that people find one from the other.
    var linkName: String { Lease.linkName(sandboxID) }

    static func linkName(_ sandboxID: String) -> String { "swl" + sandboxID.prefix(12) }
}

extension Lease {
    func serialized() -> [UInt8] {
        JSONValue.object([
            "sandboxID": .string(sandboxID), "pod": .string(pod), "number": .int(number),
            "addresses": .array(addresses.map { .string($0.description) }), "ranges": .string(ranges.description),
            "ingress": .string(bandwidth.ingress.map(String.init) ?? ""),
            "egress": .string(bandwidth.egress.map(String.init) ?? ""),
            "ports": .array(
                ports.map {
                    .object([
                        "transport": .string($0.transport.rawValue), "hostPort": .int(Int64($0.hostPort)),
                        "containerPort": .int(Int64($0.containerPort)), "hostAddress": .string($0.hostAddress),
                    ])
                }),
        ]).serialized()
    }

    /// Errors: `dataLoss` for anything that is no whole lease.
    init(parsing bytes: [UInt8]) throws(SwiftletError) {
        let value: JSONValue
        do { value = try JSONValue.parse(bytes) } catch { throw Lease.damaged("no JSON") }
        guard let id = value["sandboxID"]?.string, let pod = value["pod"]?.string, let number = value["number"]?.int,
            let texts = value["addresses"]?.array, let ranges = value["ranges"]?.string,
            let ports = value["ports"]?.array
        else { throw Lease.damaged("a field is missing") }
        sandboxID = id
        self.pod = pod
        self.number = number
        addresses = texts.compactMap { $0.string.flatMap { IPAddress($0) } }
        guard addresses.count == texts.count, !addresses.isEmpty else { throw Lease.damaged("the addresses") }
        do { self.ranges = try PodRanges(parsing: ranges) } catch { throw Lease.damaged("the ranges") }
        bandwidth = Bandwidth(
            ingress: value["ingress"]?.string.flatMap { UInt64($0) },
            egress: value["egress"]?.string.flatMap { UInt64($0) })
        self.ports = ports.compactMap(Lease.mapping)
        guard self.ports.count == ports.count else { throw Lease.damaged("the ports") }
    }

    private static func mapping(_ value: JSONValue) -> PortMapping? {
        guard let transport = value["transport"]?.string.flatMap(PortMapping.Transport.init(rawValue:)),
            let host = value["hostPort"]?.int.flatMap({ UInt16(exactly: $0) }),
            let container = value["containerPort"]?.int.flatMap({ UInt16(exactly: $0) }),
            let address = value["hostAddress"]?.string
        else { return nil }
        return PortMapping(transport: transport, containerPort: container, hostPort: host, hostAddress: address)
    }

    private static func damaged(_ what: String) -> SwiftletError {
        SwiftletError(.dataLoss, "not a lease: \(what)", operation: "read lease")
    }
}
