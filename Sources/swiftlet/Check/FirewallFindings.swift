import Errors
import LinuxSystem

/// Rules of others that would drop what pods send and get. Nothing is said where they cannot be read: without nftables there
/// are none, and without root other findings say so.
enum FirewallFindings {
    /// The bridge of a daemon without --bridge and --run.
    private static let bridge = "swiftlet0"

    static func all() -> [Finding] {
        let chains: [NFTablesChain]
        do throws(SwiftletError) {
            let socket = try NetlinkSocket(.netfilter)
            chains = try socket.forwardDrops()
        } catch { return [] }
        if chains.isEmpty {
            return [Finding(name: "firewall", verdict: .ok, detail: "no chain drops what this host forwards")]
        }
        return chains.map { chain in
            Finding(
                name: "firewall", verdict: .limited,
                detail: "chain \(chain) drops what this host forwards, unless one of its rules lets pods through",
                fix: chain.letThrough(bridge))
        }
    }
}
