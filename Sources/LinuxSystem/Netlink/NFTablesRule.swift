import CLinux
import Errors
import Glibc

/// The expressions of a rule, run one after the other until one does not match. Values go through registers of four bytes;
/// one of more bytes takes as many as it needs.
public struct NFTablesRule {
    var batch: NetlinkBatch

    /// Register `n` of four bytes; 0 to 15.
    public struct Register: Sendable {
        let number: UInt32
        public init(_ index: UInt32) { number = UInt32(NFT_REG32_00.rawValue) + index }
    }

    public enum Meta: Sendable {
        case inputLink, outputLink, networkProtocol, transport

        var key: nft_meta_keys {
            switch self {
            case .inputLink: NFT_META_IIF
            case .outputLink: NFT_META_OIF
            case .networkProtocol: NFT_META_NFPROTO
            case .transport: NFT_META_L4PROTO
            }
        }
    }

    public mutating func load(_ meta: Meta, into register: Register = Register(0)) {
        expression("meta") {
            $0.big(NFTA_META_DREG, register.number)
            $0.big(NFTA_META_KEY, meta.key.rawValue)
        }
    }

    public enum HeaderField: Sendable {
        case source4, destination4, source6, destination6, destinationPort

        var place: (base: nft_payload_bases, offset: UInt32, length: UInt32) {
            switch self {
            case .source4: (NFT_PAYLOAD_NETWORK_HEADER, 12, 4)
            case .destination4: (NFT_PAYLOAD_NETWORK_HEADER, 16, 4)
            case .source6: (NFT_PAYLOAD_NETWORK_HEADER, 8, 16)
            case .destination6: (NFT_PAYLOAD_NETWORK_HEADER, 24, 16)
            case .destinationPort: (NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2)
            }
        }
    }

    public mutating func load(_ field: HeaderField, into register: Register = Register(0)) {
        let place = field.place
        expression("payload") {
            $0.big(NFTA_PAYLOAD_DREG, register.number)
            $0.big(NFTA_PAYLOAD_BASE, place.base.rawValue)
            $0.big(NFTA_PAYLOAD_OFFSET, place.offset)
            $0.big(NFTA_PAYLOAD_LEN, place.length)
        }
    }

    public mutating func require(_ register: Register = Register(0), equals value: [UInt8]) {
        compare(register, NFT_CMP_EQ, value)
    }

    public mutating func require(_ register: Register = Register(0), differsFrom value: [UInt8]) {
        compare(register, NFT_CMP_NEQ, value)
    }

    private mutating func compare(_ register: Register, _ operation: nft_cmp_ops, _ value: [UInt8]) {
        expression("cmp") {
            $0.big(NFTA_CMP_SREG, register.number)
            $0.big(NFTA_CMP_OP, operation.rawValue)
            $0.data(NFTA_CMP_DATA, value)
        }
    }

    /// Only packets of IPv4, or of IPv6.
    public mutating func requireFamily(isIPv6: Bool) {
        load(.networkProtocol)
        require(equals: [UInt8(isIPv6 ? NFPROTO_IPV6 : NFPROTO_IPV4)])
    }

    /// Only packets in or out by this interface.
    public mutating func require(_ meta: Meta, link: Int32) {
        load(meta)
        require(equals: withUnsafeBytes(of: link) { Array($0) })
    }

    public mutating func require(_ meta: Meta, otherThan link: Int32) {
        load(meta)
        require(differsFrom: withUnsafeBytes(of: link) { Array($0) })
    }

    /// Only packets whose address lies in the range. The family must be settled before.
    public mutating func require(_ field: HeaderField, in range: AddressRange) {
        load(field)
        let ones = AddressRange(
            containing: IPAddress(isIPv6: range.isIPv6, value: .max >> (range.isIPv6 ? 0 : 96)), prefix: range.prefix)
        let length = UInt32(range.base.width / 8)
        expression("bitwise") {
            $0.big(NFTA_BITWISE_SREG, Register(0).number)
            $0.big(NFTA_BITWISE_DREG, Register(0).number)
            $0.big(NFTA_BITWISE_LEN, length)
            $0.data(NFTA_BITWISE_MASK, ones.base.bytes)
            $0.data(NFTA_BITWISE_XOR, [UInt8](repeating: 0, count: Int(length)))
        }
        require(equals: range.base.bytes)
    }

    /// Only packets to an address of the host's own.
    public mutating func requireLocalDestination() {
        expression("fib") {
            $0.big(NFTA_FIB_DREG, Register(0).number)
            $0.big(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE.rawValue)
            $0.big(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR.rawValue)
        }
        require(equals: withUnsafeBytes(of: UInt32(RTN_LOCAL)) { Array($0) })
    }

    /// Only what the set holds; from a map the value goes into `result`.
    public mutating func lookUp(_ register: Register = Register(0), in set: String, result: Register? = nil) {
        expression("lookup") {
            $0.attribute(NFTA_LOOKUP_SET, set)
            $0.big(NFTA_LOOKUP_SREG, register.number)
            if let result { $0.big(NFTA_LOOKUP_DREG, result.number) }
        }
    }

    /// Sends the connection to the address and port in the registers instead.
    public mutating func translateDestination(isIPv6: Bool, address: Register, port: Register) {
        expression("nat") {
            $0.big(NFTA_NAT_TYPE, NFT_NAT_DNAT.rawValue)
            $0.big(NFTA_NAT_FAMILY, UInt32(isIPv6 ? NFPROTO_IPV6 : NFPROTO_IPV4))
            $0.big(NFTA_NAT_REG_ADDR_MIN, address.number)
            $0.big(NFTA_NAT_REG_PROTO_MIN, port.number)
            $0.big(NFTA_NAT_FLAGS, UInt32(NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED))
        }
    }

    /// Gives the connection the address of the interface it leaves by as its source.
    public mutating func masquerade() { expression("masq") { _ in } }

    public mutating func drop() { verdict(UInt32(NF_DROP), chain: nil) }

    public mutating func jump(to chain: String) { verdict(UInt32(bitPattern: Int32(NFT_JUMP.rawValue)), chain: chain) }

    private mutating func verdict(_ code: UInt32, chain: String?) {
        expression("immediate") {
            $0.big(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT.rawValue)
            $0.nested(NFTA_IMMEDIATE_DATA) {
                $0.nested(NFTA_DATA_VERDICT) {
                    $0.big(NFTA_VERDICT_CODE, code)
                    if let chain { $0.attribute(NFTA_VERDICT_CHAIN, chain) }
                }
            }
        }
    }

    private mutating func expression(_ name: String, _ body: (inout NetlinkBatch) -> Void) {
        batch.nested(NFTA_LIST_ELEM) {
            $0.attribute(NFTA_EXPR_NAME, name)
            $0.nested(NFTA_EXPR_DATA, body)
        }
    }
}
