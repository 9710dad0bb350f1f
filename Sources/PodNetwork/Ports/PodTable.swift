import Errors
import Glibc
import LinuxSystem
import Synchronization

/// The nftables table of the pod network, in the kernel.
final class PodTable: Sendable {
    private let name: String
    /// One change at a time, so that a rebuilt table misses none.
    private let socket: Mutex<NetlinkSocket>
    /// Marks the events of our own changes.
    let port: UInt32

    /// Errors: when the kernel has no nftables.
    init(name: String) throws(SwiftletError) {
        self.name = name
        let socket = try NetlinkSocket(.netfilter)
        port = socket.port
        self.socket = Mutex(socket)
    }

    /// Puts the whole table in place anew. `leases` is asked once no other change can come between.
    func rebuild(
        bridge: Int32, ranges: Set<PodRanges>, leases: () -> [Lease]
    ) throws(SwiftletError) {
        try socket.withLock { (socket) throws(SwiftletError) in
            let rules = PodRules(table: name, bridge: bridge, ranges: ranges)
            try socket.run(rules.build(leases()).finished())
        }
    }

    /// Opens a pod's host ports. Connectionless traffic that came before there was a pod is judged anew.
    func open(_ lease: Lease) throws(SwiftletError) {
        try socket.withLock { (socket) throws(SwiftletError) in
            var transaction = NFTablesTransaction(table: name)
            for (set, elements) in PodRules.elements(lease) { transaction.addElements(elements, to: set) }
            try socket.run(transaction.finished())
            for port in lease.hostPorts where port.transport == .udp {
                for isIPv6 in [false, true] where lease.addresses.contains(where: { $0.isIPv6 == isIPv6 }) {
                    try socket.cutConnections(
                        isIPv6: isIPv6, transport: UInt8(IPPROTO_UDP), destinationPort: port.port)
                }
            }
        }
    }

    func close(_ lease: Lease) throws(SwiftletError) {
        try socket.withLock { (socket) throws(SwiftletError) in
            var transaction = NFTablesTransaction(table: name)
            for (set, elements) in PodRules.elements(lease) { transaction.removeElements(elements, from: set) }
            try socket.run(transaction.finished())
        }
    }

    /// Ends every connection from and to a pod.
    func cut(_ lease: Lease) throws(SwiftletError) {
        try socket.withLock { (socket) throws(SwiftletError) in
            for address in lease.addresses { try socket.cutConnections(of: address) }
        }
    }

    /// Chains of other people's that drop what the host forwards unless a rule of theirs says otherwise. An accept of ours
    /// would not overrule them.
    func forwardDrops() throws(SwiftletError) -> [NFTablesChain] {
        try socket.withLock { (socket) throws(SwiftletError) in try socket.forwardDrops() }
    }

    /// One that is not there is fine.
    func remove() throws(SwiftletError) {
        try socket.withLock { (socket) throws(SwiftletError) in
            var transaction = NFTablesTransaction(table: name)
            transaction.addTable()
            transaction.removeTable()
            try socket.run(transaction.finished())
        }
    }
}
