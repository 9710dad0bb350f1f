import CLinux
import Errors
import Glibc

// Network interfaces, in the words of rtnetlink(7).

/// The hardware address of an Ethernet interface.
public struct HardwareAddress: Hashable, Sendable, CustomStringConvertible {
    public let bytes: [UInt8]

    /// A locally administered unicast address: `first` has to be so.
    public init(_ first: UInt8, _ second: UInt8, _ rest: UInt32) {
        bytes = [first, second] + (0..<4).map { UInt8(truncatingIfNeeded: rest >> (24 - 8 * $0)) }
    }

    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 6 else { return nil }
        self.bytes = Array(bytes)
    }

    public var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}

/// Which interface a message is about: names can change, numbers cannot.
public enum LinkReference: Sendable {
    case index(Int32)
    case name(String)
}

/// How a port of a bridge behaves.
public struct BridgePort: Sendable, Equatable {
    /// Unknown unicast, multicast and broadcast frames from other ports are sent out of it.
    public var floods = true
    /// Source addresses of frames that come in are learned.
    public var learns = true
    /// Frames may go back out of it.
    public var hairpin = false

    public init(floods: Bool = true, learns: Bool = true, hairpin: Bool = false) {
        self.floods = floods
        self.learns = learns
        self.hairpin = hairpin
    }
}

extension NetlinkBatch {
    /// A bridge, not up yet. Its address is fixed: otherwise it would follow that of its ports.
    public mutating func addBridge(_ name: String, address: HardwareAddress) {
        message(Int(RTM_NEWLINK), NLM_F_CREATE | NLM_F_EXCL, "make bridge", name) {
            $0.append(header: ifinfomsg())
            $0.attribute(Int(IFLA_IFNAME), name)
            $0.attribute(Int(IFLA_ADDRESS), address.bytes)
            $0.nested(Int(IFLA_LINKINFO)) {
                $0.attribute(Int(IFLA_INFO_KIND), "bridge")
                $0.nested(Int(IFLA_INFO_DATA)) {
                    $0.attribute(Int(IFLA_BR_STP_STATE), UInt32(0))
                    $0.attribute(Int(IFLA_BR_FORWARD_DELAY), UInt32(0))
                    $0.attribute(Int(IFLA_BR_MCAST_SNOOPING), UInt8(0))
                }
            }
        }
    }

    /// One end of a veth(4) pair.
    public struct PairEnd: Sendable {
        public var name: String
        public var address: HardwareAddress?

        public init(_ name: String, address: HardwareAddress? = nil) {
            self.name = name
            self.address = address
        }
    }

    /// A pair of interfaces, neither up yet, the second made in the network namespace of a descriptor (/proc/PID/ns/net).
    public mutating func addPair(_ here: PairEnd, master: Int32, mtu: UInt32, _ there: PairEnd, namespace: Int32) {
        message(Int(RTM_NEWLINK), NLM_F_CREATE | NLM_F_EXCL, "make interface", here.name) {
            $0.append(header: ifinfomsg())
            NetlinkBatch.pairEnd(&$0, here, mtu)
            $0.attribute(Int(IFLA_MASTER), master)
            $0.nested(Int(IFLA_LINKINFO)) {
                $0.attribute(Int(IFLA_INFO_KIND), "veth")
                $0.nested(Int(IFLA_INFO_DATA)) {
                    $0.nested(Int(VETH_INFO_PEER)) {
                        $0.append(header: ifinfomsg())
                        NetlinkBatch.pairEnd(&$0, there, mtu)
                        $0.attribute(Int(IFLA_NET_NS_FD), namespace)
                    }
                }
            }
        }
    }

    private static func pairEnd(_ batch: inout NetlinkBatch, _ end: PairEnd, _ mtu: UInt32) {
        batch.attribute(Int(IFLA_IFNAME), end.name)
        batch.attribute(Int(IFLA_MTU), mtu)
        if let address = end.address { batch.attribute(Int(IFLA_ADDRESS), address.bytes) }
        // Otherwise one for each processor, each with its files in /sys; a pair sends without queueing anyway.
        batch.attribute(Int(IFLA_NUM_TX_QUEUES), UInt32(1))
        batch.attribute(Int(IFLA_NUM_RX_QUEUES), UInt32(1))
    }

    /// A note for people and programs, shown by `ip link`; at most 255 bytes.
    public mutating func setAlias(_ alias: String, of link: LinkReference) {
        change(link, "name interface") { $0.attribute(Int(IFLA_IFALIAS), Array(alias.utf8)) }
    }

    /// Puts an interface into a bridge and brings it up.
    public mutating func setMaster(_ master: Int32, of link: LinkReference) {
        change(link, "put into bridge", up: true) { $0.attribute(Int(IFLA_MASTER), master) }
    }

    public mutating func bringUp(_ link: LinkReference) { change(link, "bring up", up: true) { _ in } }

    /// Of an interface that is in a bridge.
    public mutating func setBridgePort(_ port: BridgePort, of link: LinkReference) {
        change(link, "set bridge port") { NetlinkBatch.put(port, &$0) }
    }

    /// All at once, since the kernel tells of each change, and looks through all namespaces' numbers for it. `linkLocal`
    /// false: see `disableLinkLocal`.
    public mutating func setBridgePort(_ port: BridgePort, alias: String, linkLocal: Bool, of link: LinkReference) {
        change(link, "set bridge port") {
            NetlinkBatch.put(port, &$0)
            $0.attribute(Int(IFLA_IFALIAS), Array(alias.utf8))
            if !linkLocal { NetlinkBatch.putNoLinkLocal(&$0) }
        }
    }

    private static func put(_ port: BridgePort, _ batch: inout NetlinkBatch) {
        batch.nested(Int(IFLA_LINKINFO)) {
            $0.attribute(Int(IFLA_INFO_SLAVE_KIND), "bridge")
            $0.nested(Int(IFLA_INFO_SLAVE_DATA)) {
                $0.attribute(Int(IFLA_BRPORT_MODE), UInt8(port.hairpin ? 1 : 0))
                $0.attribute(Int(IFLA_BRPORT_LEARNING), UInt8(port.learns ? 1 : 0))
                for flood in [IFLA_BRPORT_UNICAST_FLOOD, IFLA_BRPORT_MCAST_FLOOD, IFLA_BRPORT_BCAST_FLOOD] {
                    $0.attribute(Int(flood), UInt8(port.floods ? 1 : 0))
                }
            }
        }
    }

    /// No address of its own making (fe80::…) when it comes up.
    public mutating func disableLinkLocal(_ link: LinkReference) {
        change(link, "switch link-local addresses off") { NetlinkBatch.putNoLinkLocal(&$0) }
    }

    private static func putNoLinkLocal(_ batch: inout NetlinkBatch) {
        batch.nested(Int(IFLA_AF_SPEC)) {
            $0.nested(Int(AF_INET6)) {
                $0.attribute(Int(IFLA_INET6_ADDR_GEN_MODE), UInt8(IN6_ADDR_GEN_MODE_NONE.rawValue))
            }
        }
    }

    public mutating func removeLink(_ link: LinkReference) {
        message(Int(RTM_DELLINK), 0, "remove interface", NetlinkBatch.text(link)) {
            NetlinkBatch.put(link, &$0, up: nil)
        }
    }

    /// Answered with one message: see `Link.init(message:)`.
    public mutating func getLink(_ link: LinkReference) {
        message(Int(RTM_GETLINK), 0, "look up interface", NetlinkBatch.text(link)) {
            NetlinkBatch.put(link, &$0, up: nil)
        }
    }

    /// All interfaces.
    public mutating func listLinks() {
        message(Int(RTM_GETLINK), NLM_F_DUMP, "list interfaces") { $0.append(header: ifinfomsg()) }
    }

    private mutating func change(
        _ link: LinkReference, _ action: String, up: Bool? = nil, _ body: (inout NetlinkBatch) -> Void
    ) {
        message(Int(RTM_NEWLINK), 0, action, NetlinkBatch.text(link)) {
            NetlinkBatch.put(link, &$0, up: up)
            body(&$0)
        }
    }

    private static func put(_ link: LinkReference, _ batch: inout NetlinkBatch, up: Bool?) {
        var header = up.map { self.link(up: $0) } ?? ifinfomsg()
        switch link {
        case .index(let index):
            header.ifi_index = index
            batch.append(header: header)
        case .name(let name):
            batch.append(header: header)
            batch.attribute(Int(IFLA_IFNAME), name)
        }
    }

    private static func text(_ link: LinkReference) -> String {
        switch link {
        case .index(let index): "number \(index)"
        case .name(let name): name
        }
    }

    private static func link(up: Bool) -> ifinfomsg {
        var header = ifinfomsg()
        header.ifi_flags = up ? UInt32(IFF_UP) : 0
        header.ifi_change = UInt32(IFF_UP)
        return header
    }
}

/// An interface as the kernel describes it.
public struct Link: Sendable {
    public let index: Int32
    public var isUp: Bool
    public var name = ""
    public var alias = ""
    public var kind = ""
    public var mtu: UInt32 = 0
    public var address: HardwareAddress?
    /// The bridge it is a port of; 0 for none.
    public var master: Int32 = 0
    /// The number of a veth's other end, in that one's namespace; 0 for none.
    public var peer: Int32 = 0
    public var statistics: LinkStatistics?

    /// nil when the message tells of no interface.
    public init?(message: NetlinkMessage) {
        guard [Int(RTM_NEWLINK), Int(RTM_DELLINK)].contains(Int(message.type)),
            let index = message.payload.load(Int32.self, offset: 4),
            let flags = message.payload.load(UInt32.self, offset: 8)
        else { return nil }
        self.index = index
        isUp = flags & UInt32(IFF_UP) != 0
        for attribute in message.attributes(after: MemoryLayout<ifinfomsg>.size) {
            switch attribute.type {
            case Int(IFLA_IFNAME): name = attribute.text
            case Int(IFLA_IFALIAS): alias = attribute.text
            case Int(IFLA_MTU): mtu = attribute.number() ?? 0
            case Int(IFLA_ADDRESS): address = HardwareAddress(bytes: attribute.content)
            case Int(IFLA_MASTER): master = attribute.number() ?? 0
            case Int(IFLA_LINK): peer = attribute.number() ?? 0
            case Int(IFLA_LINKINFO): kind = attribute.nested[Int(IFLA_INFO_KIND)]?.text ?? ""
            case Int(IFLA_STATS64): statistics = LinkStatistics(attribute.content)
            default: break
            }
        }
    }
}

/// What an event of the links' group says that matters to an interface's owner: read in passing, as there are many.
public struct LinkNews: Sendable, Equatable {
    public let index: Int32
    public let isGone: Bool
    public let isUp: Bool
    /// The bridge it is a port of; 0 for none.
    public let master: Int32

    /// nil for anything else, what bridges tell of their ports included: their leaving one is no interface's end.
    public init?(message: NetlinkMessage) {
        let type = Int(message.type)
        guard type == Int(RTM_NEWLINK) || type == Int(RTM_DELLINK), message.payload.first != UInt8(AF_BRIDGE),
            let index = message.payload.load(Int32.self, offset: 4),
            let flags = message.payload.load(UInt32.self, offset: 8)
        else { return nil }
        self.index = index
        isGone = type == Int(RTM_DELLINK)
        isUp = flags & UInt32(IFF_UP) != 0
        master = message.attributes(after: MemoryLayout<ifinfomsg>.size)[Int(IFLA_MASTER)]?.number() ?? 0
    }
}

/// The counters of an interface, since it was made.
public struct LinkStatistics: Sendable, Equatable {
    public var receivedPackets: UInt64 = 0
    public var sentPackets: UInt64 = 0
    public var receivedBytes: UInt64 = 0
    public var sentBytes: UInt64 = 0
    public var receiveErrors: UInt64 = 0
    public var sendErrors: UInt64 = 0

    public init() {}

    /// From the head of `struct rtnl_link_stats64`, which has grown at its end only.
    init?(_ bytes: ArraySlice<UInt8>) {
        let numbers = (0..<6).compactMap { bytes.load(UInt64.self, offset: 8 * $0) }
        guard numbers.count == 6 else { return nil }
        receivedPackets = numbers[0]
        sentPackets = numbers[1]
        receivedBytes = numbers[2]
        sentBytes = numbers[3]
        receiveErrors = numbers[4]
        sendErrors = numbers[5]
    }

    /// As the other end of a pair sees it.
    public var fromOtherEnd: LinkStatistics {
        var other = self
        swap(&other.receivedPackets, &other.sentPackets)
        swap(&other.receivedBytes, &other.sentBytes)
        swap(&other.receiveErrors, &other.sendErrors)
        return other
    }
}
