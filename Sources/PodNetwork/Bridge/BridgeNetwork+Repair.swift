import Errors
import Glibc
import LinuxSystem

extension BridgeNetwork {
    /// Makes everything be as it should that is not: the bridge, pods' links on it, forwarding, and with `tables` the rules.
    /// What fails is told by `condition`, and tried again.
    func repair(tables: Bool = false) {
        repairing.withLock { _ in
            let before = state.withLock { $0.bridge }
            note(.bridge) { () throws(SwiftletError) in try repairBridge() }
            let (after, ranges) = state.withLock { ($0.bridge, $0.pool.ranges) }
            note(.forwarding) { () throws(SwiftletError) in
                try Forwarding(ranges: ranges, logger: logger).ensure()
            }
            guard after != 0, tables || after != before else { return }
            note(.nftables) { () throws(SwiftletError) in
                do throws(SwiftletError) { try rebuildTable() } catch { throw BridgeNetwork.withoutTables(error) }
            }
        }
    }

    private func note(_ problem: Problem, _ body: () throws(SwiftletError) -> Void) {
        do throws(SwiftletError) {
            try body()
            // Without a table there is nothing that could have succeeded.
            if problem == .nftables, table == nil { return }
            if state.withLock({ $0.problems.removeValue(forKey: problem) }) != nil {
                logger.notice("the network is well again", metadata: ["was": "\(problem.reason)"])
            }
        } catch {
            let isNew = state.withLock { $0.problems.updateValue(error, forKey: problem) } != error
            if isNew { logger.error("\(error)", metadata: ["reason": "\(problem.reason)"]) }
        }
    }

    private func repairBridge() throws(SwiftletError) {
        let socket = try NetlinkSocket(.route)
        let host = try HostRoutes(socket)
        let (before, ranges, active, isUsed) = state.withLock {
            ($0.bridge, $0.pool.ranges, $0.activeRanges, !$0.members.isEmpty)
        }
        let known = before != 0 ? before : host.allLinks.first { $0.alias == settings.identity }?.index ?? 0
        note(.rangesClash) { () throws(SwiftletError) in
            if let clash = host.clash(with: ranges, bridge: known) {
                throw SwiftletError(
                    .failedPrecondition, "pods can have no addresses: \(clash)",
                    hint: "start swiftletd with other ranges in --pod-cidr")
            }
        }
        let clashes = state.withLock { $0.problems[.rangesClash] != nil }
        if clashes, !isUsed { return }
        let index = try bridge.ensure(socket, ranges: clashes ? active.subtracting([ranges]) : active)
        state.withLock {
            $0.bridge = index
            $0.mtu = host.uplinkMTU
        }
        try repairMembers(socket, host, bridge: index)
    }

    /// Pods whose links are not on the bridge, or not there any more, or whom the host has forgotten, which it does when the
    /// bridge goes down.
    private func repairMembers(_ socket: borrowing NetlinkSocket, _ host: HostRoutes, bridge: Int32)
        throws(SwiftletError)
    {
        let links = Dictionary(host.allLinks.map { ($0.index, $0) }) { first, _ in first }
        var neighbours: Set<PermanentNeighbour> = []
        var request = NetlinkBatch()
        request.listNeighbours()
        try socket.dump(request, restart: { neighbours = [] }) {
            if let neighbour = PermanentNeighbour(message: $0), neighbour.link == bridge {
                neighbours.insert(neighbour)
            }
        }
        for member in state.withLock({ Array($0.members.values) }) {
            do throws(SwiftletError) {
                if member.link != 0, let link = links[member.link] {
                    let isKnown = member.lease.addresses.allSatisfy {
                        neighbours.contains(.init(link: bridge, address: $0, hardware: member.lease.hardware))
                    }
                    if link.master == bridge, link.isUp, isKnown { continue }
                    try self.link(member.lease).rejoin(socket, link: member.link)
                } else {
                    guard let holder = member.holder, try isSame(member, holder), try isGone(member, socket) else {
                        continue
                    }
                    try connect(member.lease, holder)
                }
                logger.notice("put a pod back on the bridge", metadata: ["pod": "\(member.lease.pod)"])
            } catch {
                logger.warning(
                    "a pod is not on the bridge", metadata: ["pod": "\(member.lease.pod)", "error": "\(error)"])
            }
        }
    }

    /// Whether one of these links of pods is gone, or not on the bridge: as it is now, since news are old, and looking at
    /// one costs the same however many there are.
    func isAnyAstray(_ links: Set<Int32>) -> Bool {
        guard !links.isEmpty else { return false }
        let bridge = state.withLock { $0.bridge }
        do throws(SwiftletError) {
            let socket = try NetlinkSocket(.route)
            for index in links {
                var batch = NetlinkBatch()
                batch.getLink(.index(index))
                let link = try socket.run(batch).lazy.compactMap(Link.init(message:)).first
                if link?.master != bridge, state.withLock({ $0.owners[index] != nil }) { return true }
            }
            return false
        } catch {
            // Gone, or not to be looked at: the repair finds out, unless the pod went with it.
            return state.withLock { state in links.contains { state.owners[$0] != nil } }
        }
    }

    /// Whether the pod's namespace is still there: its holder's number may be another process's by now, even the host's.
    private func isSame(_ member: Member, _ holder: Int32) throws(SwiftletError) -> Bool {
        do {
            let namespace = try PodNamespace(holder: holder)
            return try namespace.number == member.namespace
        } catch  where error.errno == ENOENT || error.errno == ESRCH { return false }
    }

    func rebuildTable() throws(SwiftletError) {
        guard let table else { return }
        let (bridge, ranges) = state.withLock { ($0.bridge, $0.activeRanges) }
        guard bridge != 0 else { return }
        try table.rebuild(bridge: bridge, ranges: ranges) { state.withLock { $0.members.values.map(\.lease) } }
    }

    public func condition() -> NetworkCondition {
        let (ranges, bridge) = state.withLock { ($0.pool.ranges, $0.bridge) }
        note(.forwarding) { () throws(SwiftletError) in try Forwarding(ranges: ranges, logger: logger).ensure() }
        let problems = state.withLock { $0.problems }
        if let (problem, error) = problems.min(by: { $0.key < $1.key }) {
            return .notReady(reason: problem.reason, message: error.description)
        }
        return bridge != 0 ? .ready : .notReady(reason: "NotStarted", message: "the network is not started")
    }

    public func setPodRanges(_ text: String) throws(SwiftletError) {
        if text.isEmpty { return }
        let ranges = try PodRanges(parsing: text)
        let old = state.withLock { state -> PodRanges? in
            guard state.pool.ranges != ranges else { return nil }
            let old = state.pool.ranges
            state.pool.change(to: ranges)
            return old
        }
        guard let old else { return }
        logger.notice("pods get their addresses from \(ranges) now", metadata: ["before": "\(old)"])
        repair(tables: true)
        do { try removeUnusedGateways(of: old) } catch { throw error.during("set pod range", "\(ranges)") }
        if let problem = state.withLock({ $0.problems[.rangesClash] ?? $0.problems[.bridge] }) { throw problem }
    }

    private func removeUnusedGateways(of old: PodRanges) throws(SwiftletError) {
        let (bridge, active) = state.withLock { ($0.bridge, Set($0.activeRanges.flatMap(\.all))) }
        let socket = try NetlinkSocket(.route)
        for range in old.all where bridge != 0 && !active.contains(range) {
            var batch = NetlinkBatch()
            batch.removeAddress(range.gateway, prefix: range.prefix, from: bridge)
            do { try socket.run(batch) } catch  where error.errno == EADDRNOTAVAIL { continue }
        }
    }
}
