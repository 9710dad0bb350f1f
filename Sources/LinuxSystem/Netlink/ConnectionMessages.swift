import CLinux
import Errors
import Glibc

// Tracked connections (conntrack), in ctnetlink's words.

/// Which connections the kernel is to choose: by the tuple of one direction. An IPv4 address, or a port: see
/// `cutConnections(of:)` for IPv6.
struct ConnectionFilter: Sendable {
    enum Direction: Sendable {
        /// As the packets come from who began it.
        case original
        /// As the answers come.
        case reply
    }

    let direction: Direction
    let isIPv6: Bool
    let source: IPAddress?
    /// An IP protocol number, such as IPPROTO_UDP, and a port.
    let destination: (transport: UInt8, port: UInt16)?

    init(_ direction: Direction, source4: IPAddress) {
        self.direction = direction
        isIPv6 = false
        source = source4
        destination = nil
    }

    init(isIPv6: Bool, transport: UInt8, destinationPort: UInt16) {
        direction = .original
        self.isIPv6 = isIPv6
        source = nil
        destination = (transport, destinationPort)
    }

    fileprivate var flags: UInt32 {
        UInt32(source != nil ? swl_ct_source : 0)
            | UInt32(destination != nil ? swl_ct_protocol | swl_ct_destination_port : 0)
    }
}

/// To forget a connection is to have its packets judged anew, as of no connection. For sockets of netfilter's.
extension NetlinkSocket {
    /// Forgets all connections that an address began or answers.
    public borrowing func cutConnections(of address: IPAddress) throws(SwiftletError) {
        guard address.isIPv6 else {
            for direction in [ConnectionFilter.Direction.original, .reply] {
                try cutConnections(.init(direction, source4: address))
            }
            return
        }
        // Linux (up to 6.18 at least) takes a filter's IPv6 address the wrong way round and chooses all others. So they are
        // listed and looked at here, unless there are none.
        guard try countConnections() > 0 else { return }
        var request = NetlinkBatch()
        request.listConnections(isIPv6: true)
        try cutListed(request, isIPv6: true) { $0.sources.contains(address) }
    }

    /// Forgets all connections that began with this protocol and port as destination.
    public borrowing func cutConnections(
        isIPv6: Bool, transport: UInt8, destinationPort: UInt16
    ) throws(SwiftletError) {
        try cutConnections(.init(isIPv6: isIPv6, transport: transport, destinationPort: destinationPort))
    }

    private borrowing func cutConnections(_ filter: ConnectionFilter) throws(SwiftletError) {
        var batch = NetlinkBatch()
        batch.removeConnections(filter)
        do { try run(batch) } catch  where error.errno == EINVAL || error.errno == EOPNOTSUPP {
            // Linux before 6.11 takes no filter here, and what it takes it for, one connection, is not whole.
            try cutListedConnections(filter)
        }
    }

    /// The same one by one, which takes longer the more room the kernel has for connections.
    borrowing func cutListedConnections(_ filter: ConnectionFilter) throws(SwiftletError) {
        var request = NetlinkBatch()
        request.listConnections(filter)
        try cutListed(request, isIPv6: filter.isIPv6) { _ in true }
    }

    private borrowing func cutListed(
        _ request: NetlinkBatch, isIPv6: Bool, where isMeant: (TrackedConnection) -> Bool
    ) throws(SwiftletError) {
        var found: [TrackedConnection] = []
        // One that is added meanwhile is another's.
        try dump(request, restart: { found = [] }) {
            if let connection = TrackedConnection(message: $0), isMeant(connection) { found.append(connection) }
        }
        for connection in found {
            var batch = NetlinkBatch()
            batch.removeConnection(connection, isIPv6: isIPv6)
            // It may have ended by itself.
            do { try run(batch) } catch  where error.errno == ENOENT { continue }
        }
    }

    /// How many the namespace has.
    borrowing func countConnections() throws(SwiftletError) -> UInt32 {
        var request = NetlinkBatch()
        let type = Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(IPCTNL_MSG_CT_GET_STATS.rawValue)
        request.message(type, 0, "count connections") {
            $0.append(header: NFTablesTransaction.header(family: 0, subject: 0))
        }
        let answer = try run(request).first { Int($0.type) == type }
        let attributes = answer?.attributes(after: MemoryLayout<nfgenmsg>.size)
        guard let count = attributes?[Int(CTA_STATS_GLOBAL_ENTRIES.rawValue)]?.number(UInt32.self) else {
            throw SwiftletError(.internal, "the kernel does not tell", operation: "count connections")
        }
        return count.byteSwapped
    }
}

/// What names a connection for its removal.
struct TrackedConnection {
    let original: ArraySlice<UInt8>
    let id: ArraySlice<UInt8>
    let zone: ArraySlice<UInt8>?
    /// Who began it, and who answers.
    let sources: [IPAddress]

    init?(message: NetlinkMessage) {
        guard Int(message.type) == Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(IPCTNL_MSG_CT_NEW.rawValue) else { return nil }
        let attributes = message.attributes(after: MemoryLayout<nfgenmsg>.size)
        guard let original = attributes[Int(CTA_TUPLE_ORIG.rawValue)], let id = attributes[Int(CTA_ID.rawValue)] else {
            return nil
        }
        self.original = original.content
        self.id = id.content
        zone = attributes[Int(CTA_ZONE.rawValue)]?.content
        sources = [original, attributes[Int(CTA_TUPLE_REPLY.rawValue)]].compactMap {
            let addresses = $0?.nested[Int(CTA_TUPLE_IP.rawValue)]?.nested
            return (addresses?[Int(CTA_IP_V4_SRC.rawValue)] ?? addresses?[Int(CTA_IP_V6_SRC.rawValue)])?.address
        }
    }
}

extension NetlinkBatch {
    mutating func listConnections(_ filter: ConnectionFilter) {
        let type = Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(IPCTNL_MSG_CT_GET.rawValue)
        message(type, NLM_F_DUMP, "list connections") { NetlinkBatch.put(filter, &$0, version: 0) }
    }

    mutating func listConnections(isIPv6: Bool) {
        let type = Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(IPCTNL_MSG_CT_GET.rawValue)
        message(type, NLM_F_DUMP, "list connections") {
            $0.append(header: NFTablesTransaction.header(family: UInt8(isIPv6 ? AF_INET6 : AF_INET), subject: 0))
        }
    }

    /// All that the filter chooses.
    mutating func removeConnections(_ filter: ConnectionFilter) {
        let type = Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(IPCTNL_MSG_CT_DELETE.rawValue)
        // For the sake of old programs the family counts in later versions than the first only.
        message(type, 0, "cut connections") { NetlinkBatch.put(filter, &$0, version: 1) }
    }

    private static func put(_ filter: ConnectionFilter, _ batch: inout NetlinkBatch, version: UInt8) {
        let isOriginal = filter.direction == .original
        let family = UInt8(filter.isIPv6 ? AF_INET6 : AF_INET)
        batch.append(header: nfgenmsg(nfgen_family: family, version: version, res_id: 0))
        batch.nested(isOriginal ? CTA_TUPLE_ORIG : CTA_TUPLE_REPLY) {
            if let source = filter.source {
                $0.nested(CTA_TUPLE_IP) { $0.attribute(Int(CTA_IP_V4_SRC.rawValue), source) }
            }
            if let destination = filter.destination {
                $0.nested(CTA_TUPLE_PROTO) {
                    $0.attribute(Int(CTA_PROTO_NUM.rawValue), destination.transport)
                    $0.attribute(Int(CTA_PROTO_DST_PORT.rawValue), destination.port.bigEndian)
                }
            }
        }
        batch.nested(CTA_FILTER) {
            $0.attribute(Int(CTA_FILTER_ORIG_FLAGS.rawValue), isOriginal ? filter.flags : 0)
            $0.attribute(Int(CTA_FILTER_REPLY_FLAGS.rawValue), isOriginal ? 0 : filter.flags)
        }
    }

    mutating func removeConnection(_ connection: TrackedConnection, isIPv6: Bool) {
        let type = Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(IPCTNL_MSG_CT_DELETE.rawValue)
        message(type, 0, "cut connection") {
            $0.append(header: NFTablesTransaction.header(family: UInt8(isIPv6 ? AF_INET6 : AF_INET), subject: 0))
            $0.attribute(Int(CTA_TUPLE_ORIG.rawValue) | Int(NLA_F_NESTED), Array(connection.original))
            $0.attribute(Int(CTA_ID.rawValue), Array(connection.id))
            if let zone = connection.zone { $0.attribute(Int(CTA_ZONE.rawValue), Array(zone)) }
        }
    }
}
