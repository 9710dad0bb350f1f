import Errors
import LinuxSystem

/// The rules of the pod network in nftables' words. They look the same for one pod and for a thousand: what differs is in
/// maps and sets, which the kernel hashes.
///
/// An accept here would not overrule a drop in another table, so nothing is accepted: hosts whose own rules drop what they
/// forward have to let the bridge through.
struct PodRules {
    var table: String
    /// The bridge's number: it may be renamed.
    var bridge: Int32
    var ranges: Set<PodRanges>

    private enum Name {
        static let ports = "ports"

        /// Host port → pod, on all of the host's addresses.
        static func any(_ isIPv6: Bool) -> String { isIPv6 ? "ports6" : "ports4" }
        /// The same on one address.
        static func bound(_ isIPv6: Bool) -> String { isIPv6 ? "bound6" : "bound4" }
        /// Pods with host ports, as pairs of an address with itself.
        static func own(_ isIPv6: Bool) -> String { isIPv6 ? "self6" : "self4" }
    }

    /// The whole table in place of whatever there is.
    func build(_ leases: [Lease]) -> NFTablesTransaction {
        var transaction = NFTablesTransaction(table: table)
        transaction.replaceTable()
        addSets(&transaction)
        transaction.addChain(Name.ports)
        transaction.addChain("guard", .filter, hook: .prerouting, priority: -300)
        transaction.addChain("prerouting", .nat, hook: .prerouting, priority: -100)
        transaction.addChain("output", .nat, hook: .output, priority: -100)
        transaction.addChain("postrouting", .nat, hook: .postrouting, priority: 100)
        addGuard(&transaction)
        addPorts(&transaction)
        addMasquerade(&transaction)
        var elements: [String: [NFTablesTransaction.Element]] = [:]
        for lease in leases { elements.merge(PodRules.elements(lease)) { $0 + $1 } }
        for (set, elements) in elements.sorted(by: { $0.key < $1.key }) { transaction.addElements(elements, to: set) }
        return transaction
    }

    private func addSets(_ transaction: inout NFTablesTransaction) {
        var id: UInt32 = 0
        for isIPv6 in [false, true] {
            let address: NFTablesTransaction.Field = isIPv6 ? .ipv6 : .ipv4
            transaction.addSet(Name.any(isIPv6), id: id + 1, keys: [.transport, .port], values: [address, .port])
            transaction.addSet(
                Name.bound(isIPv6), id: id + 2, keys: [address, .transport, .port], values: [address, .port])
            transaction.addSet(Name.own(isIPv6), id: id + 3, keys: [address, address])
            id += 3
        }
    }

    /// The bridge lets 127.0.0.1 through for the sake of host ports; what pods send there themselves must not get to the
    /// host's own services.
    private func addGuard(_ transaction: inout NFTablesTransaction) {
        transaction.addRule("guard") {
            $0.require(.inputLink, link: bridge)
            $0.requireFamily(isIPv6: false)
            $0.require(.destination4, in: PodRules.loopback)
            $0.drop()
        }
    }

    private func addPorts(_ transaction: inout NFTablesTransaction) {
        transaction.addRule("prerouting") {
            $0.requireLocalDestination()
            $0.jump(to: Name.ports)
        }
        // The kernel cannot send what is meant for ::1 anywhere else: the daemon listens there itself.
        transaction.addRule("output") {
            $0.requireFamily(isIPv6: true)
            $0.load(.destination6)
            $0.require(differsFrom: IPAddress.loopback6.bytes)
            $0.requireLocalDestination()
            $0.jump(to: Name.ports)
        }
        transaction.addRule("output") {
            $0.requireFamily(isIPv6: false)
            $0.requireLocalDestination()
            $0.jump(to: Name.ports)
        }
        for isIPv6 in [false, true] {
            // In registers of four bytes: an address takes one or four.
            let words: UInt32 = isIPv6 ? 4 : 1
            transaction.addRule(Name.ports) {
                $0.requireFamily(isIPv6: isIPv6)
                $0.load(isIPv6 ? .destination6 : .destination4)
                $0.load(.transport, into: .init(words))
                $0.load(.destinationPort, into: .init(words + 1))
                $0.lookUp(in: Name.bound(isIPv6), result: .init(0))
                $0.translateDestination(isIPv6: isIPv6, address: .init(0), port: .init(words))
            }
            transaction.addRule(Name.ports) {
                $0.requireFamily(isIPv6: isIPv6)
                $0.load(.transport)
                $0.load(.destinationPort, into: .init(1))
                $0.lookUp(in: Name.any(isIPv6), result: .init(0))
                $0.translateDestination(isIPv6: isIPv6, address: .init(0), port: .init(words))
            }
        }
    }

    private func addMasquerade(_ transaction: inout NFTablesTransaction) {
        // What leaves the pods' own network.
        for range in Set(ranges.flatMap(\.all)).sorted(by: { $0.base < $1.base }) {
            transaction.addRule("postrouting") {
                $0.require(.outputLink, otherThan: bridge)
                $0.requireFamily(isIPv6: range.isIPv6)
                $0.require(range.isIPv6 ? .source6 : .source4, in: range)
                $0.masquerade()
            }
        }
        // The host's own, from an address that pods cannot answer to.
        transaction.addRule("postrouting") {
            $0.require(.outputLink, link: bridge)
            $0.requireFamily(isIPv6: false)
            $0.require(.source4, in: PodRules.loopback)
            $0.masquerade()
        }
        // A pod's connection to itself by its host port, which it would otherwise take for a forgery.
        for isIPv6 in [false, true] {
            transaction.addRule("postrouting") {
                $0.require(.outputLink, link: bridge)
                $0.requireFamily(isIPv6: isIPv6)
                $0.load(isIPv6 ? .source6 : .source4)
                $0.load(isIPv6 ? .destination6 : .destination4, into: .init(isIPv6 ? 4 : 1))
                $0.lookUp(in: Name.own(isIPv6))
                $0.masquerade()
            }
        }
    }

    private static let loopback = AddressRange(containing: .loopback4, prefix: 8)

    /// A pod's entries, by set. None for a pod without host ports.
    static func elements(_ lease: Lease) -> [String: [NFTablesTransaction.Element]] {
        var elements: [String: [NFTablesTransaction.Element]] = [:]
        for address in lease.addresses {
            for port in lease.hostPorts {
                let key = [port.transportNumber, 0, 0, 0] + PodRules.bytes(port.port)
                let value = address.bytes + PodRules.bytes(port.podPort)
                switch port.place {
                case .address(let own) where own.isIPv6 == address.isIPv6 && own != .loopback6:
                    elements[Name.bound(address.isIPv6), default: []].append(.init(key: own.bytes + key, value: value))
                case .any, .family(address.isIPv6):
                    elements[Name.any(address.isIPv6), default: []].append(.init(key: key, value: value))
                default: continue
                }
            }
            if !lease.ports.isEmpty {
                elements[Name.own(address.isIPv6)] = [.init(key: address.bytes + address.bytes)]
            }
        }
        return elements
    }

    /// A port in network order, padded to a register.
    private static func bytes(_ port: UInt16) -> [UInt8] {
        [UInt8(truncatingIfNeeded: port >> 8), UInt8(truncatingIfNeeded: port), 0, 0]
    }
}

extension Lease {
    /// Checked when the lease was made; what does not fit any more opens nothing.
    var hostPorts: [HostPort] { (try? HostPort.plan(ports, ranges: ranges)) ?? [] }
}
