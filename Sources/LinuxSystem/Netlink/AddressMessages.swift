import CLinux
import Errors
import Glibc

// Addresses, routes and neighbours of interfaces, in the words of rtnetlink(7).

extension NetlinkBatch {
    /// Puts an address on an interface, at once usable (no duplicate address detection); one that is there already is
    /// fine.
    public mutating func addAddress(_ address: IPAddress, prefix: Int, to link: Int32) {
        message(Int(RTM_NEWADDR), NLM_F_CREATE | NLM_F_REPLACE, "add address", "\(address)/\(prefix)") {
            NetlinkBatch.address(&$0, address, prefix, link)
        }
    }

    public mutating func removeAddress(_ address: IPAddress, prefix: Int, from link: Int32) {
        message(Int(RTM_DELADDR), 0, "remove address", "\(address)/\(prefix)") {
            NetlinkBatch.address(&$0, address, prefix, link)
        }
    }

    private static func address(_ batch: inout NetlinkBatch, _ address: IPAddress, _ prefix: Int, _ link: Int32) {
        var header = ifaddrmsg()
        header.ifa_family = UInt8(address.family)
        header.ifa_prefixlen = UInt8(prefix)
        header.ifa_index = UInt32(bitPattern: link)
        if address.isIPv6 { header.ifa_flags = UInt8(IFA_F_NODAD) }
        batch.append(header: header)
        batch.attribute(Int(IFA_LOCAL), address)
        batch.attribute(Int(IFA_ADDRESS), address)
    }

    /// The default route by a gateway that is right on the link, whatever other routes say.
    public mutating func addDefaultRoute(via gateway: IPAddress, on link: Int32) {
        message(Int(RTM_NEWROUTE), NLM_F_CREATE | NLM_F_REPLACE, "add default route", "via \(gateway)") {
            var header = rtmsg()
            header.rtm_family = UInt8(gateway.family)
            header.rtm_flags = UInt32(RTNH_F_ONLINK)
            header.rtm_table = UInt8(RT_TABLE_MAIN.rawValue)
            header.rtm_protocol = UInt8(RTPROT_STATIC)
            header.rtm_scope = UInt8(RT_SCOPE_UNIVERSE.rawValue)
            header.rtm_type = UInt8(RTN_UNICAST)
            $0.append(header: header)
            $0.attribute(Int(RTA_GATEWAY.rawValue), gateway)
            $0.attribute(Int(RTA_OIF.rawValue), link)
        }
    }

    /// Says for good which hardware address a neighbour has.
    public mutating func addNeighbour(_ address: IPAddress, at hardware: HardwareAddress, on link: Int32) {
        message(Int(RTM_NEWNEIGH), NLM_F_CREATE | NLM_F_REPLACE, "add neighbour", "\(address)") {
            $0.append(header: NetlinkBatch.neighbour(address.family, link, state: NUD_PERMANENT))
            $0.attribute(Int(NDA_DST), address)
            $0.attribute(Int(NDA_LLADDR), hardware.bytes)
        }
    }

    public mutating func removeNeighbour(_ address: IPAddress, on link: Int32) {
        message(Int(RTM_DELNEIGH), 0, "remove neighbour", "\(address)") {
            $0.append(header: NetlinkBatch.neighbour(address.family, link, state: 0))
            $0.attribute(Int(NDA_DST), address)
        }
    }

    /// Says for good behind which port of its bridge a hardware address is.
    public mutating func addBridgeEntry(_ hardware: HardwareAddress, port: Int32) {
        message(Int(RTM_NEWNEIGH), NLM_F_CREATE | NLM_F_REPLACE, "add bridge entry", "\(hardware)") {
            var header = NetlinkBatch.neighbour(AF_BRIDGE, port, state: NUD_NOARP)
            header.ndm_flags = UInt8(NTF_MASTER)
            $0.append(header: header)
            $0.attribute(Int(NDA_LLADDR), hardware.bytes)
        }
    }

    private static func neighbour(_ family: Int32, _ link: Int32, state: Int32) -> ndmsg {
        var header = ndmsg()
        header.ndm_family = UInt8(family)
        header.ndm_ifindex = link
        header.ndm_state = UInt16(state)
        return header
    }

    /// All neighbours of all interfaces, of both families.
    public mutating func listNeighbours() {
        message(Int(RTM_GETNEIGH), NLM_F_DUMP, "list neighbours") { $0.append(header: ndmsg()) }
    }

    /// All addresses of all interfaces.
    public mutating func listAddresses() {
        message(Int(RTM_GETADDR), NLM_F_DUMP, "list addresses") { $0.append(header: ifaddrmsg()) }
    }

    /// All routes of both families and all tables.
    public mutating func listRoutes() {
        message(Int(RTM_GETROUTE), NLM_F_DUMP, "list routes") { $0.append(header: rtmsg()) }
    }
}

/// A neighbour of an interface whose hardware address was told for good.
public struct PermanentNeighbour: Sendable, Hashable {
    public var link: Int32
    public var address: IPAddress
    public var hardware: HardwareAddress

    public init(link: Int32, address: IPAddress, hardware: HardwareAddress) {
        self.link = link
        self.address = address
        self.hardware = hardware
    }

    /// nil when the message tells of no such neighbour.
    public init?(message: NetlinkMessage) {
        let attributes = message.attributes(after: MemoryLayout<ndmsg>.size)
        guard Int(message.type) == Int(RTM_NEWNEIGH), let index = message.payload.load(Int32.self, offset: 4),
            let state = message.payload.load(UInt16.self, offset: 8), Int32(state) & NUD_PERMANENT != 0,
            let address = attributes[Int(NDA_DST)]?.address,
            let hardware = attributes[Int(NDA_LLADDR)].flatMap({ HardwareAddress(bytes: $0.content) })
        else { return nil }
        self.init(link: index, address: address, hardware: hardware)
    }
}

/// An address of an interface.
public struct LinkAddress: Sendable, Hashable {
    public var link: Int32
    public var address: IPAddress
    public var prefix: Int

    public init(link: Int32, address: IPAddress, prefix: Int) {
        self.link = link
        self.address = address
        self.prefix = prefix
    }

    /// nil when the message tells of no address.
    public init?(message: NetlinkMessage) {
        guard [Int(RTM_NEWADDR), Int(RTM_DELADDR)].contains(Int(message.type)),
            let header = message.payload.first.map({ _ in message.payload }),
            header.count >= MemoryLayout<ifaddrmsg>.size,
            let index = header.load(UInt32.self, offset: 4)
        else { return nil }
        let attributes = message.attributes(after: MemoryLayout<ifaddrmsg>.size)
        // On a point-to-point link IFA_ADDRESS is the other side's.
        guard let address = attributes[Int(IFA_LOCAL)]?.address ?? attributes[Int(IFA_ADDRESS)]?.address else {
            return nil
        }
        link = Int32(bitPattern: index)
        self.address = address
        prefix = Int(header.load(UInt8.self, offset: 1) ?? 0)
    }
}

/// A route of the kernel's tables.
public struct Route: Sendable, Equatable {
    /// nil for the default route.
    public var destination: AddressRange?
    public var isIPv6: Bool
    /// The interface it leaves by; 0 when it has none or several.
    public var link: Int32
    public var metric: UInt32
    public var isUnicast: Bool

    /// nil when the message tells of no route.
    public init?(message: NetlinkMessage) {
        let bytes = message.payload
        guard Int(message.type) == Int(RTM_NEWROUTE), bytes.count >= MemoryLayout<rtmsg>.size,
            let family = bytes.load(UInt8.self), let prefix = bytes.load(UInt8.self, offset: 1),
            let type = bytes.load(UInt8.self, offset: 7), let flags = bytes.load(UInt32.self, offset: 8),
            Int32(family) == AF_INET || Int32(family) == AF_INET6,
            // A cached exception is no route of anybody's choice.
            flags & UInt32(RTM_F_CLONED) == 0
        else { return nil }
        isIPv6 = Int32(family) == AF_INET6
        isUnicast = type == UInt8(RTN_UNICAST)
        let attributes = message.attributes(after: MemoryLayout<rtmsg>.size)
        link = attributes[Int(RTA_OIF.rawValue)]?.number() ?? 0
        metric = attributes[Int(RTA_PRIORITY.rawValue)]?.number() ?? 0
        if prefix > 0, let address = attributes[Int(RTA_DST.rawValue)]?.address {
            destination = AddressRange(containing: address, prefix: Int(prefix))
        }
    }
}
