import Errors
import Glibc
import LinuxSystem

/// The pair of interfaces that joins a pod to the bridge: `eth0` in the pod, `swl…` on the host.
struct PodLink {
    let settings: BridgeSettings
    let lease: Lease
    /// The bridge's number.
    let bridge: Int32
    let mtu: UInt32

    /// Neither floods nor learns: the host says where everybody is. Frames may come back the way they went, which
    /// br_netfilter does with a pod's connection to its own host port.
    private static let port = BridgePort(floods: false, learns: false, hairpin: true)

    /// Makes the pair and all that belongs to it; gives the number of the host's end. Four sends in all.
    func connect(_ host: borrowing NetlinkSocket, to namespace: borrowing PodNamespace) throws(SwiftletError) -> Int32 {
        let inside = try namespace.open()
        var batch = NetlinkBatch()
        batch.addPair(
            .init(lease.linkName), master: bridge, mtu: mtu, .init("eth0", address: lease.hardware),
            namespace: namespace.descriptor.raw)
        // A port of a bridge speaks for nobody: addresses of its own would be work for nothing.
        batch.setBridgePort(
            PodLink.port, alias: settings.alias(lease.sandboxID), linkLocal: !settings.kernelHasIPv6,
            of: .name(lease.linkName))
        batch.getLink(.name(lease.linkName))
        let link: Link
        do throws(SwiftletError) {
            guard let answer = try host.run(batch).lazy.compactMap(Link.init(message:)).first else {
                throw SwiftletError(
                    .internal, "the kernel does not describe it", operation: "make interface", object: lease.linkName)
            }
            link = answer
        } catch { throw PodLink.explain(error) }
        // The pod's end first, and the host's right after it: an end that is up and finds the other down is taken out of use
        // again by the kernel's link watch, which waits for an RCU grace period meanwhile.
        var up = NetlinkBatch()
        up.bringUp(.index(link.peer))
        try inside.run(up)
        try host.run(hostSide(link.index))
        try inside.run(podSide(link.peer))
        return link.index
    }

    /// What the host has to know of a pod's link: where it is and whose addresses are there.
    private func hostSide(_ link: Int32) -> NetlinkBatch {
        var batch = NetlinkBatch()
        batch.bringUp(.index(link))
        batch.addBridgeEntry(lease.hardware, port: link)
        for address in lease.addresses { batch.addNeighbour(address, at: lease.hardware, on: bridge) }
        if let rate = lease.bandwidth.ingress { batch.limitRate(of: link, bitsPerSecond: rate, mtu: mtu) }
        return batch
    }

    private func podSide(_ link: Int32) -> NetlinkBatch {
        var batch = NetlinkBatch()
        for address in lease.addresses {
            guard let range = lease.ranges.all.first(where: { $0.contains(address) }) else { continue }
            batch.addAddress(address, prefix: address.width, to: link)
            batch.addNeighbour(range.gateway, at: settings.hardware, on: link)
            batch.addDefaultRoute(via: range.gateway, on: link)
        }
        if let rate = lease.bandwidth.egress { batch.limitRate(of: link, bitsPerSecond: rate, mtu: mtu) }
        return batch
    }

    /// Joins a pair that is there to the bridge, which may be a new one.
    func rejoin(_ host: borrowing NetlinkSocket, link: Int32) throws(SwiftletError) {
        var batch = NetlinkBatch()
        batch.setMaster(bridge, of: .index(link))
        batch.setBridgePort(PodLink.port, of: .index(link))
        try host.run(batch)
        try host.run(hostSide(link))
    }

    /// Both ends go at once. One that is gone already is fine.
    static func remove(_ host: borrowing NetlinkSocket, _ link: LinkReference) throws(SwiftletError) {
        var batch = NetlinkBatch()
        batch.removeLink(link)
        do { try host.run(batch) } catch  where error.errno == ENODEV { return }
    }

    /// The host's memory of a pod's addresses.
    func forget(_ host: borrowing NetlinkSocket) throws(SwiftletError) {
        for address in lease.addresses {
            var batch = NetlinkBatch()
            batch.removeNeighbour(address, on: bridge)
            // Gone with the bridge, or never there.
            do { try host.run(batch) } catch  where error.errno == ENOENT || error.errno == ENODEV { continue }
        }
    }

    private static func explain(_ error: SwiftletError) -> SwiftletError {
        var error = error
        if error.errno == EXFULL {
            error.code = .resourceExhausted
            error.reason = "the bridge has as many ports as the kernel allows, 1,023"
        }
        return error
    }
}
