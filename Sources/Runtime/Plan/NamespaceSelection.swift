import CRI
import Errors
import Launch
import LinuxSystem

/// The namespaces of a sandbox and of its containers by CRI's `NamespaceOption`.
struct NamespaceSelection: Sendable, Equatable {
    var network: CRINamespaceMode
    var ipc: CRINamespaceMode
    var pid: CRINamespaceMode
    /// The ids of a user namespace of the pod's own; nil for the host's.
    var owners: IDMapping?

    /// The host's network brings the host's name with it.
    var hostNetwork: Bool { network == .node }
    var hostIPC: Bool { ipc == .node }

    init(sandbox options: CRINamespaceOption) throws(SwiftletError) {
        network = options.network
        ipc = options.ipc
        pid = options.pid
        guard network == .pod || network == .node else {
            throw .invalid("the network namespace of a sandbox is POD or NODE, not \(options.network)")
        }
        guard ipc == .pod || ipc == .node else {
            throw .invalid("the IPC namespace of a sandbox is POD or NODE, not \(options.ipc)")
        }
        guard pid == .pod || pid == .container || pid == .node else {
            throw .invalid("the PID namespace of a sandbox is POD, CONTAINER or NODE, not \(options.pid)")
        }
        owners = try UserNamespaceSelection.owners(options)
        guard owners != nil else { return }
        for (name, mode) in [("network", network), ("IPC", ipc), ("PID", pid)] where mode == .node {
            throw .invalid("a pod with a user namespace of its own cannot be in the host's \(name) namespace")
        }
    }

    /// The PID namespace of a container in this sandbox. Errors: `invalidArgument` when it contradicts the sandbox.
    func pidNamespace(container options: CRINamespaceOption) throws(SwiftletError) -> PIDNamespacePlan {
        try UserNamespaceSelection.checkContainer(options, sandbox: owners)
        if owners != nil, options.pid == .node {
            throw .invalid("a pod with a user namespace of its own cannot be in the host's PID namespace")
        }
        switch options.pid {
        case .pod:
            // A client that sends no options means the sandbox's own choice.
            switch pid {
            case .node: return .node
            case .container: return .container
            default: return .pod
            }
        case .container: return .container
        case .node: return .node
        case .target:
            guard !options.targetID.isEmpty else { throw .invalid("the PID namespace TARGET needs target_id") }
            return .target(options.targetID)
        case .UNRECOGNIZED(let number): throw .invalid("PID namespace mode \(number) is unknown")
        }
    }
}
