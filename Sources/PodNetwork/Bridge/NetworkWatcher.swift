import Errors
import Glibc
import LinuxSystem
import Synchronization

/// The thread that notices what others do to the network: links, addresses and rules that change are mended at once, and
/// pods that went are brought to their end when the kernel says that their links are gone.
final class NetworkWatcher: Sendable {
    private unowned let network: BridgeNetwork
    private let wakeUp: WakeUp
    private let links: Mutex<NetlinkSocket>
    private let rules: Mutex<NetlinkSocket?>
    private let ends = Mutex(false)
    private let ended = Mutex(false)

    /// News of links come many at a time, most of them of our own making, while a pod is made: they can wait for so long.
    private static let delay: UInt32 = 5000
    /// Several changes that come together are mended together.
    private static let pause: Int32 = 50
    /// Settings that nobody tells of, such as forwarding, are looked at this often.
    private static let interval: Int64 = 30_000_000_000
    /// A link that is still there so long after its pod went is removed: something else holds the pod's namespace.
    private static let patience: Int64 = 1_000_000_000

    init(network: BridgeNetwork) throws(SwiftletError) {
        self.network = network
        wakeUp = try WakeUp()
        let links = try NetlinkSocket(.route)
        links.enlargeBuffer(4 << 20)
        for group in [NetlinkSocket.Group.links, .addresses4, .addresses6] { try links.join(group) }
        self.links = Mutex(links)
        guard network.table != nil else {
            rules = Mutex(nil)
            return
        }
        let rules = try NetlinkSocket(.netfilter)
        try rules.join(.nftables)
        self.rules = Mutex(rules)
    }

    func start() throws(SwiftletError) { try DedicatedThread.start("network") { self.loop() } }

    func wake() { wakeUp.signal() }

    /// Returns when the thread does nothing any more.
    func stop() {
        ends.withLock { $0 = true }
        wakeUp.signal()
        while !ended.withLock({ $0 }) { usleep(1000) }
    }

    private struct Changes {
        var links = false
        var rules = false
        /// Pods' links that were somewhere else than on the bridge, as every one is while it is made.
        var astray: Set<Int32> = []
        /// Links that went; nil when some news were lost.
        var gone: Set<Int32>? = []

        mutating func note(gone more: Set<Int32>?) {
            if let more { gone?.formUnion(more) } else { gone = nil }
        }
    }

    private func loop() {
        var nextLook = monotonicNanoseconds() + NetworkWatcher.interval
        while !ends.withLock({ $0 }) {
            let leaving = network.state.withLock { !$0.leaving.isEmpty }
            let rest = Int32(clamping: max(0, nextLook - monotonicNanoseconds()) / 1_000_000)
            wait(milliseconds: leaving ? min(rest, 200) : rest)
            usleep(NetworkWatcher.delay)
            var changes = read()
            if !changes.links, network.isAnyAstray(changes.astray) { changes.links = true }
            let isLook = monotonicNanoseconds() >= nextLook
            if changes.links || changes.rules || isLook {
                wait(milliseconds: changes.links || changes.rules ? NetworkWatcher.pause : 0)
                let more = read()
                changes.rules = changes.rules || more.rules
                changes.note(gone: more.gone)
                network.repair(tables: changes.rules)
                nextLook = monotonicNanoseconds() + NetworkWatcher.interval
            }
            network.finishLeaving(olderThan: NetworkWatcher.patience, gone: changes.gone)
        }
        ended.withLock { $0 = true }
    }

    private func wait(milliseconds: Int32) {
        var items = [pollfd(fd: wakeUp.raw, events: Int16(POLLIN), revents: 0)]
        items.append(pollfd(fd: links.withLock { $0.raw }, events: Int16(POLLIN), revents: 0))
        rules.withLock { rules in
            // Cannot be borrowed out of an optional by pattern.
            if rules != nil, let raw = rules?.raw { items.append(pollfd(fd: raw, events: Int16(POLLIN), revents: 0)) }
        }
        // Interrupted or not: what there is is read next.
        _ = poll(&items, nfds_t(items.count), milliseconds)
        wakeUp.clear()
    }

    /// Everything that waits.
    private func read() -> Changes {
        var changes = Changes()
        links.withLock { socket in
            do {
                while let messages = try socket.receive() {
                    for message in messages { look(message, &changes) }
                }
            } catch {
                // Some were lost: look at everything.
                changes.links = true
                changes.gone = nil
            }
        }
        rules.withLock { socket in
            do throws(SwiftletError) {
                while let messages = try socket?.receive() ?? nil {
                    let others = messages.contains {
                        $0.nftablesTable == network.settings.identity && $0.port != network.table?.port
                    }
                    changes.rules = changes.rules || others
                }
            } catch { changes.rules = true }
        }
        return changes
    }

    private func look(_ message: NetlinkMessage, _ changes: inout Changes) {
        if let link = LinkNews(message: message) {
            if link.isGone { changes.gone?.insert(link.index) }
            network.state.withLock { state in
                if link.index == state.bridge {
                    if link.isGone || !link.isUp { changes.links = true }
                } else if link.isGone || link.master != state.bridge, state.owners[link.index] != nil {
                    changes.astray.insert(link.index)
                }
            }
        } else if message.isRemoval, let address = LinkAddress(message: message) {
            let concerns = network.state.withLock { state in
                address.link == state.bridge
                    && state.activeRanges.contains { $0.all.contains { $0.gateway == address.address } }
            }
            if concerns { changes.links = true }
        }
    }
}
