import CRI
import Errors
import Launch

/// The namespaces of a sandbox and of its containers by CRI's `NamespaceOption`.
struct NamespaceSelection: Sendable, Equatable {
    var network: CRINamespaceMode
    var ipc: CRINamespaceMode
    var pid: CRINamespaceMode

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
        try NamespaceSelection.refuseUserNamespace(options)
    }

    /// `hostUsers: false` is not here yet.
    static func refuseUserNamespace(_ options: CRINamespaceOption) throws(SwiftletError) {
        guard options.hasUsernsOptions, options.usernsOptions.mode != .node else { return }
        guard options.usernsOptions.mode == .pod else {
            throw .invalid("the user namespace is POD or NODE, not \(options.usernsOptions.mode)")
        }
        throw SwiftletError(
            .unimplemented, "user namespaces for pods are not supported yet",
            hint: "leave hostUsers at its default, true")
    }

    /// The PID namespace of a container in this sandbox. Errors: `invalidArgument` when it contradicts the sandbox.
    func pidNamespace(container options: CRINamespaceOption) throws(SwiftletError) -> PIDNamespacePlan {
        try NamespaceSelection.refuseUserNamespace(options)
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
