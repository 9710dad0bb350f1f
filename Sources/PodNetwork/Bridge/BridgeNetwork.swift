import Errors
import Glibc
import LinuxSystem
import Logging
import Synchronization

/// The built-in network: a bridge on the host, a pair of interfaces a pod, addresses from the daemon's ranges, host ports and
/// masquerade by nftables.
public final class BridgeNetwork: PodNetwork {
    public let name = "bridge"
    public let podParameters = BridgeNetwork.parameters.filter { access("/proc/sys/\($0.name)", F_OK) == 0 }

    /// In place before there is an interface that would follow them: pods take their addresses and routes from here and not
    /// from what others on the link say. A kernel without IPv6 lacks some.
    private static let parameters = [
        ("net/ipv4/conf/all/accept_redirects", "0"), ("net/ipv4/conf/default/accept_redirects", "0"),
        ("net/ipv6/conf/all/accept_redirects", "0"), ("net/ipv6/conf/default/accept_redirects", "0"),
        ("net/ipv6/conf/default/accept_ra", "0"), ("net/ipv6/conf/default/accept_dad", "0"),
    ].map { (name: $0.0, value: $0.1) }

    let settings: BridgeSettings
    let logger: Logger
    let store: LeaseStore
    let bridge: HostBridge
    /// nil where the kernel has no nftables.
    let table: PodTable?
    let proxies: LoopbackProxies
    let state: Mutex<State>
    /// One repair at a time.
    let repairing = Mutex(())
    private let watcher = Mutex<NetworkWatcher?>(nil)

    /// A pod on the network.
    struct Member: Sendable {
        var lease: Lease
        /// The number of the host's end of its link; 0 before it is made.
        var link: Int32 = 0
        /// The process that holds the namespace, and the namespace's number; nil until the runtime tells.
        var holder: Int32?
        var namespace: UInt64 = 0
    }

    /// A pod that went: its addresses are not given to another before its link is gone.
    struct Leaving: Sendable {
        var member: Member
        /// When it began, monotonic nanoseconds.
        var since: Int64
        /// Whether its link has been looked for; from then on the kernel's news tell.
        var isSeen = false
    }

    /// What keeps the network from being as it should, the gravest first.
    enum Problem: Int, Sendable, Comparable {
        case rangesClash, bridge, forwarding, nftables

        static func < (left: Problem, right: Problem) -> Bool { left.rawValue < right.rawValue }

        var reason: String {
            switch self {
            case .rangesClash: "PodRangeClash"
            case .bridge: "BridgeUnavailable"
            case .forwarding: "ForwardingOff"
            case .nftables: "NftablesUnavailable"
            }
        }
    }

    struct State: Sendable {
        var pool: AddressPool
        var ports = HostPorts()
        private(set) var members: [String: Member] = [:]
        /// Whose link that is, of members.
        private(set) var owners: [Int32: String] = [:]
        var leaving: [String: Leaving] = [:]
        var number: Int64 = 0
        /// The bridge's number; 0 while there is none.
        var bridge: Int32 = 0
        var mtu: UInt32 = 1500
        var problems: [Problem: SwiftletError] = [:]

        mutating func add(_ member: Member) {
            members[member.lease.sandboxID] = member
            if member.link != 0 { owners[member.link] = member.lease.sandboxID }
        }

        @discardableResult
        mutating func remove(_ id: String) -> Member? {
            let member = members.removeValue(forKey: id)
            if let member, owners[member.link] == id { owners[member.link] = nil }
            return member
        }

        /// Nothing for one that is not a member any more.
        mutating func change(_ id: String, _ body: (inout Member) -> Void) {
            guard var member = remove(id) else { return }
            body(&member)
            add(member)
        }

        /// Those that addresses are given of, and those that pods still have some of.
        var activeRanges: Set<PodRanges> {
            Set(members.values.map(\.lease.ranges) + leaving.values.map(\.member.lease.ranges)).union([pool.ranges])
        }
    }

    /// Nothing is made before `start`.
    public init(settings: BridgeSettings, logger: Logger) throws(SwiftletError) {
        self.settings = settings
        self.logger = logger
        store = try LeaseStore(directory: settings.directory)
        bridge = HostBridge(settings: settings, logger: logger)
        proxies = LoopbackProxies(logger: logger)
        var state = State(pool: AddressPool(settings.ranges))
        var table: PodTable?
        do throws(SwiftletError) { table = try PodTable(name: settings.identity) } catch {
            state.problems[.nftables] = BridgeNetwork.withoutTables(error)
        }
        self.table = table
        self.state = Mutex(state)
    }

    static func withoutTables(_ error: SwiftletError) -> SwiftletError {
        SwiftletError(
            .failedPrecondition,
            "pods have no host ports and do not reach beyond this host: nftables does not work here (\(error.message))",
            hint: "use a kernel with CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT, CONFIG_NFT_MASQ and CONFIG_NFT_FIB_INET")
    }

    public func start() {
        do {
            let contents = try store.read()
            for (file, error) in contents.damaged {
                logger.error(
                    "a lease cannot be read and is dropped", metadata: ["file": "\(file)", "error": "\(error)"])
                try store.discard(file)
            }
            state.withLock { state in
                for lease in contents.leases {
                    state.add(Member(lease: lease))
                    state.pool.note(lease.addresses)
                    state.ports.note(lease.hostPorts, for: lease.sandboxID, pod: lease.pod)
                }
                state.number = contents.latest?.number ?? 0
                if let latest = contents.latest { state.pool.goOn(after: latest.addresses) }
            }
            try findLinks()
        } catch {
            logger.error("what an earlier daemon left of the network is not known", metadata: ["error": "\(error)"])
        }
        repair(tables: true)
        warnOfDrops()
        for lease in state.withLock({ $0.members.values.map(\.lease) }) { proxies.open(lease) }
        do {
            let watcher = try NetworkWatcher(network: self)
            self.watcher.withLock { $0 = watcher }
            try watcher.start()
        } catch { logger.error("changes to the network are not noticed", metadata: ["error": "\(error)"]) }
    }

    /// Their rules are not ours to change.
    private func warnOfDrops() {
        do throws(SwiftletError) {
            for chain in try table?.forwardDrops() ?? [] {
                logger.warning(
                    "chain \(chain) of this host drops what it does not know: pods may not be reached, nor reach anybody",
                    metadata: ["fix": "\(chain.letThrough(settings.bridge))"])
            }
        } catch { logger.debug("the host's chains cannot be listed", metadata: ["error": "\(error)"]) }
    }

    /// Which links of ours there are, from the notes on them.
    private func findLinks() throws {
        let host = try HostRoutes(NetlinkSocket(.route))
        state.withLock { state in
            for link in host.allLinks {
                if let id = settings.sandboxID(alias: link.alias) { state.change(id) { $0.link = link.index } }
            }
        }
    }

    public func keepOnly(_ living: [String: Int32]) {
        for id in state.withLock({ Array($0.members.keys) }) where living[id] == nil {
            logger.notice("giving back the network of a sandbox that is gone", metadata: ["sandbox": "\(id)"])
            tearDown(sandboxID: id)
        }
        for (id, holder) in living { remember(holder, of: id) }
        removeStrayLinks()
        repair()
    }

    private func remember(_ holder: Int32, of id: String) {
        guard state.withLock({ $0.members[id] != nil }) else { return }
        do {
            let namespace = try PodNamespace(holder: holder)
            let number = try namespace.number
            state.withLock {
                $0.change(id) {
                    $0.holder = holder
                    $0.namespace = number
                }
            }
        } catch { logger.debug("a sandbox's network cannot be looked at", metadata: ["error": "\(error)"]) }
    }

    /// Links with our note that belong to no lease.
    private func removeStrayLinks() {
        do {
            let socket = try NetlinkSocket(.route)
            for link in try HostRoutes(socket).allLinks {
                guard let id = settings.sandboxID(alias: link.alias) else { continue }
                let isKnown = state.withLock { $0.members[id] != nil || $0.leaving[id] != nil }
                if isKnown { continue }
                try PodLink.remove(socket, .index(link.index))
                logger.notice("removed a link of no sandbox", metadata: ["link": "\(link.name)"])
            }
        } catch { logger.warning("stray links stay", metadata: ["error": "\(error)"]) }
    }

    public func stop() {
        let watcher = watcher.withLock { watcher in
            defer { watcher = nil }
            return watcher
        }
        watcher?.stop()
        proxies.stop()
        finishLeaving(olderThan: .min)
        let (isEmpty, index) = state.withLock { ($0.members.isEmpty && $0.leaving.isEmpty, $0.bridge) }
        guard isEmpty else { return }
        do {
            try table?.remove()
            if index != 0 { try bridge.remove(NetlinkSocket(.route), index) }
        } catch { logger.notice("the bridge or its rules stay", metadata: ["error": "\(error)"]) }
    }

    func wakeWatcher() { watcher.withLock { $0?.wake() } }
}
