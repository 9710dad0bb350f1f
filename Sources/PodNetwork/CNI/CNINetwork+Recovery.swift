import Errors
import LinuxSystem

extension CNINetwork {
    public func keepOnly(_ living: [String: Int32]) {
        for id in state.withLock({ Array($0.members.keys) }) where living[id] == nil {
            logger.notice("giving back the network of a sandbox that is gone", metadata: ["sandbox": "\(id)"])
            do throws(SwiftletError) { try tearDown(sandboxID: id) } catch {
                logger.error(
                    "the network of a sandbox that is gone stays until the next start",
                    metadata: ["sandbox": "\(id)", "error": "\(error)"])
            }
        }
        holdAgain(living)
        removeStrayNamespaces()
        removeStrayTurns()
        collectGarbage()
        checkInBackground(living)
    }

    /// Their mounts may have gone with the mount namespace of an earlier daemon.
    private func holdAgain(_ living: [String: Int32]) {
        for (id, holder) in living where holder != 0 && state.withLock({ $0.members[id] != nil }) {
            do throws(SwiftletError) { try namespaces.hold(id, holder: holder) } catch {
                logger.warning(
                    "the network namespace of a sandbox cannot be held",
                    metadata: ["sandbox": "\(id)", "error": "\(error)"])
            }
        }
    }

    private func removeStrayNamespaces() {
        do throws(SwiftletError) {
            for id in try namespaces.names() where state.withLock({ $0.members[id] == nil }) {
                try namespaces.letGo(id)
                logger.notice("let a network namespace of no sandbox go", metadata: ["sandbox": "\(printable(id))"])
            }
        } catch { logger.warning("stray network namespaces stay", metadata: ["error": "\(error)"]) }
    }

    private func removeStrayTurns() {
        let known = state.withLock { Set($0.members.keys) }
        do throws(SwiftletError) { try PluginTurn.forgetAll(directory: turns, but: known) } catch {
            logger.warning("files of no sandbox stay", metadata: ["folder": "\(turns)", "error": "\(error)"])
        }
    }

    /// No pod can be made meanwhile: one that plugins know and we do not yet would be taken for garbage.
    private func collectGarbage() {
        do throws(SwiftletError) {
            let network = try configurations.current()
            let valid = state.withLock { state in
                state.members.values.filter { $0.attachment.network.name == network.name }.map(\.attachment.sandboxID)
            }
            try chain.collect(network, living: valid)
        } catch { logger.warning("CNI plugins did not look for what is of no pod", metadata: ["error": "\(error)"]) }
    }

    /// What is wrong can only be told: the specification has nothing that would mend it. Nobody waits for it.
    private func checkInBackground(_ living: [String: Int32]) {
        do throws(SwiftletError) {
            try DedicatedThread.start("cni-check") { [self] in
                for id in living.keys.sorted() where !state.withLock({ $0.hasStopped }) { check(id) }
            }
        } catch { logger.warning("the networks of pods are not checked", metadata: ["error": "\(error)"]) }
    }

    private func check(_ id: String) {
        guard let member = state.withLock({ $0.members[id] }) else { return }
        do throws(SwiftletError) {
            try inTurn(id, member.lock) { (turn) throws(SwiftletError) in
                guard let attachment = state.withLock({ $0.members[id]?.attachment }), namespaces.exists(id) else {
                    return
                }
                try chain.check(attachment, namespace: namespaces.path(id), turn: turn)
            }
        } catch {
            logger.warning(
                "the network of a pod is not as its plugins made it",
                metadata: ["pod": "\(member.attachment.pod)", "sandbox": "\(id)", "error": "\(error)"])
        }
    }
}
