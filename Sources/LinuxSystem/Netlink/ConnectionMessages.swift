import CLinux
import Errors
import Glibc

// Tracked connections (conntrack), in ctnetlink's words.

/// Which connections are meant: by the tuple of one direction.
public struct ConnectionFilter: Sendable, Equatable {
    public enum Direction: Sendable {
        /// As the packets come from who began it.
        case original
        /// As the answers come.
        case reply
    }

    public var direction: Direction
    public var isIPv6: Bool
    public var source: IPAddress?
    /// An IP protocol number, such as IPPROTO_UDP.
    public var transport: UInt8?
    /// With a protocol only.
    public var destinationPort: UInt16?

    public init(
        _ direction: Direction, isIPv6: Bool, source: IPAddress? = nil, transport: UInt8? = nil,
        destinationPort: UInt16? = nil
    ) {
        self.direction = direction
        self.isIPv6 = isIPv6
        self.source = source
        self.transport = transport
        self.destinationPort = destinationPort
    }

    fileprivate var flags: UInt32 {
        var flags: UInt32 = 0
        if source != nil { flags |= UInt32(swl_ct_source) }
        if transport != nil { flags |= UInt32(swl_ct_protocol) }
        if destinationPort != nil { flags |= UInt32(swl_ct_destination_port) }
        return flags
    }
}

extension NetlinkSocket {
    /// Forgets the connections that the filter chooses: their packets are judged anew, as of no connection. For a socket of
    /// netfilter's. The filter has to leave something open, as one that tells all is taken for the connection itself.
    public borrowing func cutConnections(_ filter: ConnectionFilter) throws(SwiftletError) {
        var batch = NetlinkBatch()
        batch.removeConnections(filter)
        do { try run(batch) } catch  where error.errno == EINVAL || error.errno == EOPNOTSUPP {
            // Linux before 6.11 takes no filter here, and what it takes it for is not whole.
            try cutListedConnections(filter)
        }
    }

    /// The same one by one, which takes longer the more room the kernel has for connections.
    borrowing func cutListedConnections(_ filter: ConnectionFilter) throws(SwiftletError) {
        var request = NetlinkBatch()
        request.listConnections(filter)
        var found: [TrackedConnection] = []
        // One that is added meanwhile is another's.
        try dump(request, restart: { found = [] }) {
            if let connection = TrackedConnection(message: $0) { found.append(connection) }
        }
        for connection in found {
            var batch = NetlinkBatch()
            batch.removeConnection(connection, isIPv6: filter.isIPv6)
            // It may have ended by itself.
            do { try run(batch) } catch  where error.errno == ENOENT { continue }
        }
    }
}

/// What names a connection for its removal.
struct TrackedConnection {
    let original: ArraySlice<UInt8>
    let id: ArraySlice<UInt8>
    let zone: ArraySlice<UInt8>?

    init?(message: NetlinkMessage) {
        guard Int(message.type) == Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(IPCTNL_MSG_CT_NEW.rawValue) else { return nil }
        let attributes = message.attributes(after: MemoryLayout<nfgenmsg>.size)
        guard let original = attributes[Int(CTA_TUPLE_ORIG.rawValue)], let id = attributes[Int(CTA_ID.rawValue)] else {
            return nil
        }
        self.original = original.content
        self.id = id.content
        zone = attributes[Int(CTA_ZONE.rawValue)]?.content
    }
}

extension NetlinkBatch {
    mutating func listConnections(_ filter: ConnectionFilter) {
        let type = Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(IPCTNL_MSG_CT_GET.rawValue)
        message(type, NLM_F_DUMP, "list connections") { NetlinkBatch.put(filter, &$0, version: 0) }
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
                $0.nested(CTA_TUPLE_IP) {
                    $0.attribute(Int((source.isIPv6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC).rawValue), source)
                }
            }
            if let transport = filter.transport {
                $0.nested(CTA_TUPLE_PROTO) {
                    $0.attribute(Int(CTA_PROTO_NUM.rawValue), transport)
                    if let port = filter.destinationPort {
                        $0.attribute(Int(CTA_PROTO_DST_PORT.rawValue), port.bigEndian)
                    }
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
