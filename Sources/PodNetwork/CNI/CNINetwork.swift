import Errors
import Glibc
import LinuxSystem
import Logging
import Synchronization

/// Pods on the network of CNI plugins: the chain of the first network configuration in a folder.
public final class CNINetwork: PodNetwork {
    public let name = "cni"

    let logger: Logger
    let configurations: ConfigurationFolder
    let chain: PluginChain
    let store: PluginAttachmentStore
    let namespaces: NamespaceFiles
    let turns: String
    let state = Mutex(State())

    /// Whoever tells plugins of a sandbox holds its lock, and then its `PluginTurn`.
    final class Lock: Sendable { let mutex = Mutex(()) }

    struct Member: Sendable {
        var attachment: PluginAttachment
        let lock = Lock()
    }

    struct State: Sendable {
        var members: [String: Member] = [:]
        var ports = HostPorts()
        var hasStopped = false
    }

    /// Nothing but the folders is made before `start`.
    public init(settings: CNISettings, logger: Logger) throws(SwiftletError) {
        self.logger = logger
        chain = PluginChain(runner: PluginRunner(folders: settings.programs, timeLimit: settings.timeLimit))
        configurations = ConfigurationFolder(path: settings.configurations, chain: chain)
        store = try PluginAttachmentStore(directory: settings.records)
        namespaces = try NamespaceFiles(directory: settings.namespaces)
        turns = settings.turns
        if mkdir(turns, 0o700) != 0, lastError() != EEXIST { throw systemError(lastError(), "make directory", turns) }
    }

    public func start() {
        do {
            let contents = try store.read()
            for (file, error) in contents.damaged {
                logger.error(
                    "a record of a pod's network cannot be read and is set aside: what plugins hold for it stays",
                    metadata: ["file": "\(file)", "error": "\(error)"])
                try store.setAside(file)
            }
            state.withLock { state in
                for attachment in contents.attachments {
                    state.members[attachment.sandboxID] = Member(attachment: attachment)
                    state.ports.note(attachment.hostPorts, for: attachment.sandboxID, pod: attachment.pod)
                }
            }
        } catch {
            logger.error("what an earlier daemon left of the network is not known", metadata: ["error": "\(error)"])
        }
    }

    public func setUp(_ request: NetworkRequest, holder: Int32) throws(SwiftletError) -> NetworkAttachment {
        if let known = state.withLock({ $0.members[request.sandboxID]?.attachment.result }) {
            return NetworkAttachment(addresses: known.addresses)
        }
        let network: NetworkList
        do { network = try configurations.current() } catch { throw CNINetwork.notInitialized(error) }
        let attachment = try PluginAttachment(request, network: network)
        let member = try reserve(attachment, request.portMappings)
        return try inTurn(attachment.sandboxID, member.lock) { (turn) throws(SwiftletError) in
            do throws(SwiftletError) {
                try store.write(attachment)
                try namespaces.hold(attachment.sandboxID, holder: holder)
                var attachment = attachment
                let result = try chain.add(
                    attachment, namespace: namespaces.path(attachment.sandboxID), turn: turn)
                attachment.result = result
                try store.write(attachment)
                state.withLock { $0.members[attachment.sandboxID]?.attachment = attachment }
                return NetworkAttachment(addresses: result.addresses)
            } catch {
                var error = error
                do throws(SwiftletError) { try release(attachment, turn, afterFailure: true) } catch let second {
                    error.notes.append("giving back what plugins did until then failed: \(second.message)")
                    error.notes += second.notes
                }
                throw error
            }
        }
    }

    /// Host ports, so far in memory only.
    private func reserve(_ attachment: PluginAttachment, _ mappings: [PortMapping]) throws(SwiftletError) -> Member {
        let ports = try HostPort.plan(mappings, ranges: nil)
        return try state.withLock { (state) throws(SwiftletError) in
            // One whose end plugins could not be told, and that is made once more.
            if let member = state.members[attachment.sandboxID] { return member }
            try state.ports.take(ports, for: attachment.sandboxID, pod: attachment.pod)
            let member = Member(attachment: attachment)
            state.members[attachment.sandboxID] = member
            return member
        }
    }

    public func tearDown(sandboxID: String) throws(SwiftletError) {
        guard let lock = state.withLock({ $0.members[sandboxID]?.lock }) else { return }
        try inTurn(sandboxID, lock) { (turn) throws(SwiftletError) in
            guard let attachment = state.withLock({ $0.members[sandboxID]?.attachment }) else { return }
            try release(attachment, turn, afterFailure: attachment.result == nil)
        }
    }

    /// Runs `body`, which may tell plugins of a sandbox, with the descriptor they are to inherit.
    func inTurn<Value: Sendable>(
        _ sandboxID: String, _ lock: Lock, _ body: (Int32) throws(SwiftletError) -> Value
    ) throws(SwiftletError) -> Value {
        try lock.mutex.withLock { (_) throws(SwiftletError) in
            let turn = try PluginTurn(directory: turns, sandboxID: sandboxID, patience: chain.runner.timeLimit)
            let result = Result { () throws(SwiftletError) in try body(turn.descriptor.raw) }
            turn.pass()
            return try result.get()
        }
    }

    /// DEL, and when all plugins were told, everything we have of it. Whoever calls has its turn.
    private func release(_ attachment: PluginAttachment, _ turn: Int32, afterFailure: Bool) throws(SwiftletError) {
        let id = attachment.sandboxID
        let namespace = namespaces.exists(id) ? namespaces.path(id) : ""
        try chain.delete(attachment, namespace: namespace, turn: turn, afterFailure: afterFailure)
        try namespaces.letGo(id)
        try store.remove(id)
        try PluginTurn.forget(directory: turns, sandboxID: id)
        state.withLock { state in
            state.members[id] = nil
            state.ports.give(back: attachment.hostPorts, of: id)
        }
    }

    static func notInitialized(_ error: SwiftletError) -> SwiftletError {
        var error = error
        error.reason = error.message
        error.operation = "cni plugin not initialized"
        error.object = ""
        return error
    }

    public func condition() -> NetworkCondition {
        do throws(SwiftletError) {
            let network: NetworkList
            do { network = try configurations.current() } catch { throw CNINetwork.notInitialized(error) }
            try chain.status(network)
            return .ready
        } catch { return .notReady(reason: "NetworkPluginNotReady", message: error.description) }
    }

    /// What went through the pod's interface, as the pod itself counts.
    public func usage(sandboxID: String) throws(SwiftletError) -> [InterfaceUsage] {
        guard state.withLock({ $0.members[sandboxID]?.attachment.result }) != nil, namespaces.exists(sandboxID) else {
            return []
        }
        do {
            let namespace = try PodNamespace(path: namespaces.path(sandboxID))
            let socket = try namespace.open()
            guard let statistics = try LinkStatistics.read(socket, .name(PluginChain.interface)) else { return [] }
            return [InterfaceUsage(name: PluginChain.interface, statistics: statistics)]
            // It went meanwhile: no file, or a file and no mount.
        } catch  where error.errno == ENOENT || error.errno == EINVAL { return [] }
    }

    /// Addresses are the plugins' to give out.
    public func setPodRanges(_ ranges: String) {
        logger.notice(
            "the pod range of the control plane is left to the CNI configuration",
            metadata: ["range": "\(printable(ranges))"])
    }

    public func stop() { state.withLock { $0.hasStopped = true } }
}
