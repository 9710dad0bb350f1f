import Errors
import Glibc
import LinuxSystem

/// A port of the host that a pod asks for, understood.
struct HostPort: Sendable, Hashable {
    /// Which of the host's addresses it is open on.
    enum Place: Sendable, Hashable {
        /// On all.
        case any
        case family(isIPv6: Bool)
        case address(IPAddress)

        func covers(_ address: IPAddress) -> Bool {
            switch self {
            case .any: true
            case .family(let isIPv6): isIPv6 == address.isIPv6
            case .address(let own): own == address
            }
        }

        /// Whether a connection could be meant for both.
        func overlaps(_ other: Place) -> Bool {
            switch (self, other) {
            case (.any, _), (_, .any): true
            case (.family(let one), .family(let other)): one == other
            case (.family(let isIPv6), .address(let address)), (.address(let address), .family(let isIPv6)):
                isIPv6 == address.isIPv6
            case (.address(let one), .address(let other)): one == other
            }
        }
    }

    var transport: PortMapping.Transport
    var port: UInt16
    var podPort: UInt16
    var place: Place

    /// `ranges`: where pods' addresses are from; nil when that is not known.
    /// Errors: `invalidArgument` for an address that is none, or of a family that pods do not have.
    init(_ mapping: PortMapping, ranges: PodRanges?) throws(SwiftletError) {
        transport = mapping.transport
        port = mapping.hostPort
        podPort = mapping.containerPort
        guard podPort != 0 else {
            throw .invalid("it leads to no port of the pod", object: "host port \(port)", hint: "give a container port")
        }
        guard !mapping.hostAddress.isEmpty else {
            place = .any
            return
        }
        guard let address = IPAddress(mapping.hostAddress) else {
            throw .invalid(
                "\"\(printable(mapping.hostAddress, limit: 64))\" is no IP address", object: "host port \(port)",
                hint: "leave hostIP out for all of the host's addresses")
        }
        place = address.isUnspecified ? .family(isIPv6: address.isIPv6) : .address(address)
        let isLoopback = address == .loopback4 || address == .loopback6
        guard let ranges, !isLoopback else { return }
        guard (address.isIPv6 ? ranges.ipv6 : ranges.ipv4) != nil else {
            throw .invalid(
                "pods have no \(address.isIPv6 ? "IPv6" : "IPv4") addresses here",
                object: "host port \(port) on \(address)",
                hint: "give another hostIP, or start swiftletd with a --pod-cidr of that family")
        }
    }

    /// Those a pod asks for; a mapping without a host port asks for none. The same one twice is one.
    static func plan(_ mappings: [PortMapping], ranges: PodRanges?) throws(SwiftletError) -> [HostPort] {
        var ports: [HostPort] = []
        for mapping in mappings where mapping.hostPort != 0 {
            let port = try HostPort(mapping, ranges: ranges)
            if !ports.contains(port) { ports.append(port) }
        }
        return ports
    }

    var transportNumber: UInt8 {
        switch transport {
        case .tcp: UInt8(IPPROTO_TCP)
        case .udp: UInt8(IPPROTO_UDP)
        case .sctp: UInt8(IPPROTO_SCTP)
        }
    }
}

extension HostPort: CustomStringConvertible {
    var description: String {
        switch place {
        case .any: "\(port)/\(transport.rawValue)"
        case .family(let isIPv6): "\(port)/\(transport.rawValue) on all \(isIPv6 ? "IPv6" : "IPv4") addresses"
        case .address(let address): "\(port)/\(transport.rawValue) on \(address)"
        }
    }
}

/// Who has which port of the host.
struct HostPorts: Sendable {
    private struct Key: Hashable {
        var transport: PortMapping.Transport
        var port: UInt16
    }

    private struct Holder {
        var sandboxID: String
        var pod: String
        var place: HostPort.Place
    }

    private var holders: [Key: [Holder]] = [:]

    /// All of them, or none.
    /// Errors: `alreadyExists` with the name of the pod that has one.
    mutating func take(_ ports: [HostPort], for sandboxID: String, pod: String) throws(SwiftletError) {
        for (index, port) in ports.enumerated() {
            let holder = holders[Key(transport: port.transport, port: port.port)]?.first {
                $0.place.overlaps(port.place)
            }
            if let holder {
                throw SwiftletError(
                    .alreadyExists,
                    "it is taken by pod \(printable(holder.pod)) (sandbox \(holder.sandboxID.prefix(12)))",
                    operation: "open host port", object: "\(port)", hint: "delete that pod, or choose another hostPort")
            }
            let twin = ports[..<index].first {
                $0.transport == port.transport && $0.port == port.port && $0.place.overlaps(port.place)
            }
            if let twin {
                throw .invalid(
                    "the pod itself asks for it twice, as \(twin) to \(twin.podPort) and \(port) to \(port.podPort)",
                    object: "host port \(port)")
            }
        }
        note(ports, for: sandboxID, pod: pod)
    }

    /// What an earlier daemon gave out.
    mutating func note(_ ports: [HostPort], for sandboxID: String, pod: String) {
        for port in ports {
            holders[Key(transport: port.transport, port: port.port), default: []].append(
                Holder(sandboxID: sandboxID, pod: pod, place: port.place))
        }
    }

    mutating func give(back ports: [HostPort], of sandboxID: String) {
        for port in ports {
            let key = Key(transport: port.transport, port: port.port)
            holders[key]?.removeAll { $0.sandboxID == sandboxID }
            if holders[key]?.isEmpty == true { holders[key] = nil }
        }
    }
}
