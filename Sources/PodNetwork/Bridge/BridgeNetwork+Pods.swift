import Errors
import Glibc
import LinuxSystem
import Synchronization

extension BridgeNetwork {
    public func setUp(_ request: NetworkRequest, holder: Int32) throws(SwiftletError) -> NetworkAttachment {
        if let known = state.withLock({ $0.members[request.sandboxID] }) {
            return BridgeNetwork.attachment(known.lease)
        }
        let bandwidth = try Bandwidth(annotations: request.annotations)
        if state.withLock({ !$0.problems.isEmpty || $0.bridge == 0 }) { repair(tables: true) }
        let lease = try reserve(request, bandwidth)
        var cleanup = CleanupStack()
        do throws(SwiftletError) {
            cleanup.push("give back \(lease.addresses)") { [self] in release(lease) }
            try store.write(lease)
            cleanup.push("remove lease") { [self] in try store.remove(lease, isLatest: false) }
            cleanup.push("remove link \(lease.linkName)") { [self] in try removeLink(lease) }
            try join(lease, holder)
            if !lease.ports.isEmpty {
                cleanup.push("close host ports") { [self] in closePorts(lease) }
                try openPorts(lease)
            }
            cleanup.disarm()
            return BridgeNetwork.attachment(lease)
        } catch { throw cleanup.unwind(error) }
    }

    private static func attachment(_ lease: Lease) -> NetworkAttachment {
        NetworkAttachment(addresses: lease.addresses.map(\.description))
    }

    /// Addresses and host ports, so far in memory only.
    private func reserve(_ request: NetworkRequest, _ bandwidth: Bandwidth) throws(SwiftletError) -> Lease {
        try state.withLock { (state) throws(SwiftletError) in
            let problems = state.problems
            if let problem = problems[.rangesClash] ?? problems[.bridge] { throw problem }
            let ports = try HostPort.plan(request.portMappings, ranges: state.pool.ranges)
            if let port = ports.first, let problem = problems[.nftables] {
                throw problem.during("open host port", "\(port)")
            }
            let pod = "\(request.podNamespace)/\(request.podName)"
            try state.ports.take(ports, for: request.sandboxID, pod: pod)
            let addresses: [IPAddress]
            do throws(SwiftletError) { addresses = try state.pool.take() } catch {
                state.ports.give(back: ports, of: request.sandboxID)
                throw error
            }
            state.number += 1
            let lease = Lease(
                sandboxID: request.sandboxID, pod: pod, number: state.number, addresses: addresses,
                ranges: state.pool.ranges, ports: request.portMappings.filter { $0.hostPort != 0 }, bandwidth: bandwidth
            )
            state.add(Member(lease: lease))
            return lease
        }
    }

    private func release(_ lease: Lease) {
        state.withLock { state in
            state.remove(lease.sandboxID)
            state.ports.give(back: lease.hostPorts, of: lease.sandboxID)
            state.pool.give(back: lease.addresses)
        }
    }

    /// Makes the pod's link; with a bridge that went a moment ago once more.
    private func join(_ lease: Lease, _ holder: Int32) throws(SwiftletError) {
        do throws(SwiftletError) { try connect(lease, holder) } catch {
            guard error.errno == ENODEV || error.errno == EINVAL || error.errno == ENXIO else { throw error }
            try removeLink(lease)
            repair()
            try connect(lease, holder)
        }
    }

    func connect(_ lease: Lease, _ holder: Int32) throws(SwiftletError) {
        let (bridge, mtu) = state.withLock { ($0.bridge, $0.mtu) }
        let socket = try NetlinkSocket(.route)
        let namespace = try PodNamespace(holder: holder)
        let number = try namespace.number
        let link = try PodLink(settings: settings, lease: lease, bridge: bridge, mtu: mtu).connect(
            socket, to: namespace)
        state.withLock {
            $0.change(lease.sandboxID) {
                $0.link = link
                $0.holder = holder
                $0.namespace = number
            }
        }
    }

    private func removeLink(_ lease: Lease) throws(SwiftletError) {
        let socket = try NetlinkSocket(.route)
        try PodLink.remove(socket, .name(lease.linkName))
        try link(lease).forget(socket)
    }

    func link(_ lease: Lease) -> PodLink {
        let (bridge, mtu) = state.withLock { ($0.bridge, $0.mtu) }
        return PodLink(settings: settings, lease: lease, bridge: bridge, mtu: mtu)
    }

    private func openPorts(_ lease: Lease) throws(SwiftletError) {
        guard let table else { return }
        do throws(SwiftletError) { try table.open(lease) } catch {
            // The table is not as we left it: made anew it holds this pod's ports too.
            try rebuildTable()
        }
        proxies.open(lease)
    }

    private func closePorts(_ lease: Lease) {
        proxies.close(lease)
        guard let table else { return }
        do throws(SwiftletError) {
            do throws(SwiftletError) { try table.close(lease) } catch { try rebuildTable() }
            try table.cut(lease)
        } catch { logger.warning("host ports may stay open", metadata: ["pod": "\(lease.pod)", "error": "\(error)"]) }
    }

    public func tearDown(sandboxID: String) {
        let member = state.withLock { state -> Member? in
            guard let member = state.remove(sandboxID) else { return nil }
            state.ports.give(back: member.lease.hostPorts, of: sandboxID)
            state.leaving[sandboxID] = Leaving(member: member, since: monotonicNanoseconds())
            return member
        }
        guard let member else { return }
        if !member.lease.ports.isEmpty { closePorts(member.lease) }
        wakeWatcher()
    }

    /// The end of pods whose links are gone; those that left longer ago than that lose theirs now. Looks at the links that
    /// `gone` names and at those it has not looked at, as many pods may be leaving; nil: at all. What cannot be done now is
    /// tried again later.
    func finishLeaving(olderThan age: Int64, gone: Set<Int32>? = nil) {
        let now = monotonicNanoseconds()
        let leaving = state.withLock { state in
            let leaving = state.leaving.values.filter { leaving in
                guard let gone else { return true }
                return !leaving.isSeen || now - leaving.since > age || gone.contains(leaving.member.link)
            }
            for leaving in leaving { state.leaving[leaving.member.lease.sandboxID]?.isSeen = true }
            return leaving
        }
        guard !leaving.isEmpty else { return }
        do {
            let socket = try NetlinkSocket(.route)
            for leaving in leaving {
                if try isGone(leaving.member, socket) {
                    try finish(leaving.member.lease, socket)
                } else if now - leaving.since > age {
                    try PodLink.remove(socket, .name(leaving.member.lease.linkName))
                    if leaving.member.link != 0 { try PodLink.remove(socket, .index(leaving.member.link)) }
                    try finish(leaving.member.lease, socket)
                }
            }
        } catch { logger.warning("the addresses of pods that are gone stay taken", metadata: ["error": "\(error)"]) }
    }

    func isGone(_ member: Member, _ socket: borrowing NetlinkSocket) throws(SwiftletError) -> Bool {
        var batch = NetlinkBatch()
        batch.getLink(member.link == 0 ? .name(member.lease.linkName) : .index(member.link))
        do {
            // Numbers of interfaces come round: by now it may be another's.
            let alias = try socket.run(batch).lazy.compactMap(Link.init(message:)).first?.alias
            return alias != settings.alias(member.lease.sandboxID)
        } catch  where error.errno == ENODEV { return true }
    }

    /// The last steps: what the host knows of it, then its lease, then its addresses.
    private func finish(_ lease: Lease, _ socket: borrowing NetlinkSocket) throws(SwiftletError) {
        try link(lease).forget(socket)
        try table?.cut(lease)
        let isLatest = state.withLock { $0.number == lease.number }
        try store.remove(lease, isLatest: isLatest)
        state.withLock { state in
            state.leaving[lease.sandboxID] = nil
            state.pool.give(back: lease.addresses)
        }
    }

    public func usage(sandboxID: String) throws(SwiftletError) -> [InterfaceUsage] {
        guard let member = state.withLock({ $0.members[sandboxID] }), member.link != 0 else { return [] }
        let socket = try NetlinkSocket(.route)
        guard let statistics = try LinkStatistics.read(socket, .index(member.link)) else { return [] }
        return [InterfaceUsage(name: "eth0", statistics: statistics.fromOtherEnd)]
    }
}
