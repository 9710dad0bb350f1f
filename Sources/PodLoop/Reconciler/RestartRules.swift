import KubeAPI

public enum ContainerKind: Sendable {
    case initial, sidecar, app
}

/// Whether a container that ended with `exitCode` is started again. An init container's success is the end of it; a
/// sidecar always comes back; a container's own policy wins over the pod's, and its rules for exit codes over both.
///
/// | policy | app 0 | app ≠ 0 | init 0 | init ≠ 0 | sidecar |
/// |---|---|---|---|---|---|
/// | Always | yes | yes | no | yes | yes |
/// | OnFailure | no | yes | no | yes | yes |
/// | Never | no | no | no | no | yes |
public func restarts(
    _ container: Container, _ kind: ContainerKind, policy: RestartPolicy, exitCode: Int32
) -> Bool {
    if exitCode != 0 || kind == .app, container.restartAction(exitCode: exitCode) != nil { return true }
    switch kind {
    case .sidecar: return true
    case .initial: return exitCode != 0 && (container.restartPolicy ?? policy) != .never
    case .app:
        switch container.restartPolicy ?? policy {
        case .always: return true
        case .onFailure: return exitCode != 0
        case .never: return false
        }
    }
}

extension Pod {
    var restartPolicy: RestartPolicy { spec.restartPolicy ?? .always }

    func kind(ofInit container: Container) -> ContainerKind { container.isSidecar ? .sidecar : .initial }

    /// A container of any list, and what it is.
    func container(_ name: String) -> (container: Container, kind: ContainerKind)? {
        if let app = spec.containers.first(where: { $0.name == name }) { return (app, .app) }
        guard let initial = spec.initContainers.first(where: { $0.name == name }) else { return nil }
        return (initial, kind(ofInit: initial))
    }
}
