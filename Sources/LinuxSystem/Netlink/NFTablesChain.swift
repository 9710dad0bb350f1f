import CLinux
import Errors

/// A chain of anybody's table that the kernel runs.
public struct NFTablesChain: Sendable, Equatable {
    public enum Family: UInt8, Sendable {
        case inet = 1
        case ipv4 = 2
        case ipv6 = 10

        var word: String {
            switch self {
            case .inet: "inet"
            case .ipv4: "ip"
            case .ipv6: "ip6"
            }
        }
    }

    public var family: Family
    public var table: String
    public var name: String
    public var hook: UInt32
    /// Whether packets that none of its rules decides are dropped.
    public var dropsByDefault: Bool

    /// nil when the message tells of no such chain.
    public init?(message: NetlinkMessage) {
        guard Int(message.type) == Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(NFT_MSG_NEWCHAIN.rawValue) else { return nil }
        let attributes = message.attributes(after: MemoryLayout<nfgenmsg>.size)
        guard let hook = attributes[Int(NFTA_CHAIN_HOOK.rawValue)]?.nested[Int(NFTA_HOOK_HOOKNUM.rawValue)],
            let number = hook.number(UInt32.self), let policy = attributes[Int(NFTA_CHAIN_POLICY.rawValue)],
            let family = message.payload.first.flatMap(Family.init(rawValue:))
        else { return nil }
        self.family = family
        table = attributes[Int(NFTA_CHAIN_TABLE.rawValue)]?.text ?? ""
        name = attributes[Int(NFTA_CHAIN_NAME.rawValue)]?.text ?? ""
        self.hook = number.byteSwapped
        dropsByDefault = policy.number(UInt32.self)?.byteSwapped == UInt32(NF_DROP)
    }

    /// Whether it drops what the host forwards unless one of its rules knows better. firewalld's does it by its last rule.
    var dropsForwarded: Bool {
        hook == NFTablesTransaction.Hook.forward.rawValue && (dropsByDefault || table == "firewalld")
    }

    /// The command that makes it let through what comes in and goes out by an interface.
    public func letThrough(_ link: String) -> String {
        if table == "firewalld" {
            return "firewall-cmd --permanent --zone=trusted --add-interface=\(link) && firewall-cmd --reload"
        }
        if table == "filter", name == "FORWARD", family != .inet {
            let program = family == .ipv6 ? "ip6tables" : "iptables"
            return "\(program) -I FORWARD -i \(link) -j ACCEPT && \(program) -I FORWARD -o \(link) -j ACCEPT"
        }
        let insert = "nft insert rule \(self)"
        return "\(insert) iifname \(link) accept && \(insert) oifname \(link) accept"
    }
}

extension NFTablesChain: CustomStringConvertible {
    public var description: String { "\(family.word) \(printable(table)) \(printable(name))" }
}

extension NetlinkSocket {
    /// Chains that drop what the host forwards unless a rule of theirs says otherwise, the first few: an accept in another
    /// table does not overrule them. For a socket of netfilter's.
    public borrowing func forwardDrops(limit: Int = 16) throws(SwiftletError) -> [NFTablesChain] {
        var request = NetlinkBatch()
        request.listChains()
        var found: [NFTablesChain] = []
        try dump(request, restart: { found = [] }) {
            guard found.count < limit, let chain = NFTablesChain(message: $0), chain.dropsForwarded else { return }
            found.append(chain)
        }
        return found
    }
}

extension NetlinkBatch {
    /// The chains of all tables of IPv4, IPv6 and both.
    mutating func listChains() {
        message(Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(NFT_MSG_GETCHAIN.rawValue), NLM_F_DUMP, "list chains") {
            $0.append(header: NFTablesTransaction.header(family: 0, subject: 0))
        }
    }
}
