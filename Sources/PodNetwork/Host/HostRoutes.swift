import Errors
import LinuxSystem

/// What the host's own interfaces and routes say about pods' ranges and packets, read anew each time.
struct HostRoutes {
    private var links: [Int32: Link] = [:]
    private var routes: [Route] = []
    private var addresses: [LinkAddress] = []

    init(_ socket: borrowing NetlinkSocket) throws(SwiftletError) {
        var request = NetlinkBatch()
        request.listLinks()
        var links: [Int32: Link] = [:]
        try socket.dump(request, restart: { links = [:] }) {
            if let link = Link(message: $0) { links[link.index] = link }
        }
        var routes: [Route] = []
        request = NetlinkBatch()
        request.listRoutes()
        try socket.dump(request, restart: { routes = [] }) {
            if let route = Route(message: $0), route.isUnicast { routes.append(route) }
        }
        var addresses: [LinkAddress] = []
        request = NetlinkBatch()
        request.listAddresses()
        try socket.dump(request, restart: { addresses = [] }) {
            if let address = LinkAddress(message: $0) { addresses.append(address) }
        }
        self.links = links
        self.routes = routes
        self.addresses = addresses
    }

    /// All interfaces.
    var allLinks: [Link] { Array(links.values) }

    func addresses(of link: Int32) -> [LinkAddress] { addresses.filter { $0.link == link } }

    /// What of the host's overlaps a range, other than on the pods' own bridge: a sentence; nil for nothing.
    func clash(with ranges: PodRanges, bridge: Int32) -> String? {
        for range in ranges.all {
            for address in addresses where address.link != bridge && range.contains(address.address) {
                return "\(range) holds \(address.address), the host's address on \(name(address.link))"
            }
            for route in routes where route.link != bridge {
                guard let destination = route.destination, destination.overlaps(range) else { continue }
                let through = route.link == 0 ? "" : " by \(name(route.link))"
                return "\(range) overlaps the host's route to \(destination)\(through)"
            }
        }
        return nil
    }

    private func name(_ link: Int32) -> String { links[link].map { printable($0.name) } ?? "interface \(link)" }

    /// The largest packet that the ways out of the host take: that of the default routes' interfaces, or Ethernet's.
    var uplinkMTU: UInt32 {
        let defaults = [false, true].compactMap { isIPv6 in
            routes.filter { $0.destination == nil && $0.isIPv6 == isIPv6 && $0.link != 0 }.min { $0.metric < $1.metric }
        }
        // 1280 is the least that IPv6 works with.
        return defaults.compactMap { links[$0.link]?.mtu }.filter { $0 >= 1280 }.min() ?? 1500
    }
}
