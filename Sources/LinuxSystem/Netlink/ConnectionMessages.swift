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
    /// Forgets the connections that the filter chooses: their packets are judged anew, as of no connection. Returns how many
    /// there were. For a socket of netfilter's.
    @discardableResult
    public borrowing func cutConnections(_ filter: ConnectionFilter) throws(SwiftletError) -> Int {
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
        return found.count
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
        let isOriginal = filter.direction == .original
        message(type, NLM_F_DUMP, "list connections") {
            $0.append(header: NFTablesTransaction.header(family: UInt8(filter.isIPv6 ? AF_INET6 : AF_INET), subject: 0))
            $0.nested(isOriginal ? CTA_TUPLE_ORIG : CTA_TUPLE_REPLY) {
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
            $0.nested(CTA_FILTER) {
                $0.attribute(Int(CTA_FILTER_ORIG_FLAGS.rawValue), isOriginal ? filter.flags : 0)
                $0.attribute(Int(CTA_FILTER_REPLY_FLAGS.rawValue), isOriginal ? 0 : filter.flags)
            }
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
