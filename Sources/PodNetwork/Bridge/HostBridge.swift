import Errors
import Glibc
import LinuxSystem
import Logging

/// The bridge that pods' links end in, as the host sees it.
///
/// It is a hub and no more: pods know nobody but the gateway, by an address that is fixed, and the host knows every pod's. So
/// nobody asks around and nothing is flooded, however many pods there are, and all traffic passes the host's routing, where
/// host ports and other people's rules see it.
struct HostBridge: Sendable {
    let settings: BridgeSettings
    let logger: Logger

    /// The bridge's number: found by name, or under another name by its note; made where there is none. Up, with the gateway
    /// addresses of all ranges on it.
    /// Errors: `alreadyExists` when a link of that name is somebody else's.
    func ensure(_ socket: borrowing NetlinkSocket, ranges: Set<PodRanges>) throws(SwiftletError) -> Int32 {
        let host = try HostRoutes(socket)
        var bridge = try find(host)
        if bridge == nil {
            try make(socket)
            bridge = try find(HostRoutes(socket))
            logger.notice("made bridge \(settings.bridge)")
        }
        guard let bridge else {
            throw SwiftletError(.aborted, "it went away at once", operation: "make bridge", object: settings.bridge)
        }
        let all = ranges.flatMap(\.all)
        try set(name: bridge.name, all)
        var batch = NetlinkBatch()
        if !bridge.isUp { batch.bringUp(.index(bridge.index)) }
        let present = Set(host.addresses(of: bridge.index))
        for range in Set(all) {
            let wanted = LinkAddress(link: bridge.index, address: range.gateway, prefix: range.prefix)
            if bridge.isUp, present.contains(wanted) { continue }
            batch.addAddress(wanted.address, prefix: wanted.prefix, to: bridge.index)
        }
        try socket.run(batch)
        return bridge.index
    }

    private func find(_ host: HostRoutes) throws(SwiftletError) -> Link? {
        let named = host.allLinks.first { $0.name == settings.bridge }
        if let named {
            // Without a note, but with our address: made by a daemon that was killed before it could write it.
            let isOurs = named.alias == settings.identity || (named.alias.isEmpty && named.address == settings.hardware)
            guard isOurs, named.kind == "bridge" else {
                throw SwiftletError(
                    .alreadyExists, "a link of this name is there and not this daemon's", operation: "make bridge",
                    object: settings.bridge, hint: "start swiftletd with another --bridge")
            }
            return named
        }
        return host.allLinks.first { $0.alias == settings.identity && $0.kind == "bridge" }
    }

    private func make(_ socket: borrowing NetlinkSocket) throws(SwiftletError) {
        var batch = NetlinkBatch()
        batch.addBridge(settings.bridge, address: settings.hardware)
        batch.setAlias(settings.identity, of: .name(settings.bridge))
        // Without an address of that kind the host tells no pod of shorter ways (redirects) that it could not go.
        if settings.kernelHasIPv6 { batch.disableLinkLocal(.name(settings.bridge)) }
        batch.bringUp(.name(settings.bridge))
        do { try socket.run(batch) } catch  where error.errno == EEXIST && error.operation == "make bridge" { return }
    }

    private func set(name: String, _ ranges: [AddressRange]) throws(SwiftletError) {
        if ranges.contains(where: { !$0.isIPv6 }) {
            // So that what is sent to a host port on 127.0.0.1 finds its way to a pod and back.
            try Sysctl.ensure("ipv4/conf/\(name)/route_localnet", "1")
            try Sysctl.ensure("ipv4/conf/\(name)/send_redirects", "0")
            try Sysctl.ensure("ipv4/conf/\(name)/accept_redirects", "0")
        }
        guard access("/proc/sys/net/ipv6/conf/\(name)", F_OK) == 0 else { return }
        let wantsIPv6 = ranges.contains(where: \.isIPv6)
        try Sysctl.ensure("ipv6/conf/\(name)/disable_ipv6", wantsIPv6 ? "0" : "1")
        try Sysctl.ensure("ipv6/conf/\(name)/accept_ra", "0")
        try Sysctl.ensure("ipv6/conf/\(name)/accept_redirects", "0")
    }

    func remove(_ socket: borrowing NetlinkSocket, _ index: Int32) throws(SwiftletError) {
        var batch = NetlinkBatch()
        batch.removeLink(.index(index))
        do { try socket.run(batch) } catch  where error.errno == ENODEV { return }
    }
}
