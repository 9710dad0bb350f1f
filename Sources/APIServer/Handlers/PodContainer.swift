import Errors
import JSON
import KubeAPI

/// Which container of a pod a request means, and what the pod's status says of it.
struct PodContainer {
    static let defaultAnnotation = "kubectl.kubernetes.io/default-container"

    let pod: Pod
    let spec: Container
    let status: ContainerStatus?

    /// `name` as the request has it; without one the pod's only container, or the one its annotation names. Throws 400.
    init(_ pod: Pod, named name: String?) throws {
        let all = pod.spec.initContainers + pod.spec.containers + pod.spec.ephemeralContainers
        let podName = pod.metadata.name ?? ""
        let wanted: String
        if let name, !name.isEmpty { wanted = name } else { wanted = try Self.defaultName(pod) }
        guard let spec = all.first(where: { $0.name == wanted }) else {
            throw APIFailure.badRequest("container \(printable(wanted)) is not valid for pod \(podName)")
        }
        self.pod = pod
        self.spec = spec
        let status = pod.status ?? PodStatus()
        let statuses = status.containerStatuses + status.initContainerStatuses + status.ephemeralContainerStatuses
        self.status = statuses.first { $0.name == wanted }
    }

    private static func defaultName(_ pod: Pod) throws -> String {
        if let named = pod.metadata.annotations[defaultAnnotation], !named.isEmpty { return named }
        if pod.spec.containers.count == 1 { return pod.spec.containers[0].name }
        var message =
            "a container name must be specified for pod \(pod.metadata.name ?? ""), choose one of: "
            + "[\(pod.spec.containers.map(\.name).joined(separator: " "))]"
        if !pod.spec.initContainers.isEmpty {
            message += " or one of the init containers: [\(pod.spec.initContainers.map(\.name).joined(separator: " "))]"
        }
        throw APIFailure.badRequest(message)
    }

    private var title: String { "container \"\(spec.name)\" in pod \"\(pod.metadata.name ?? "")\"" }

    /// The id of a container that runs now, for exec and attach. Throws 400 when there is none.
    func runningID(for verb: String) throws -> String {
        if let phase = pod.status?.phase, phase.isTerminal {
            throw APIFailure.badRequest(
                "cannot \(verb) into a container in a completed pod; current phase is \(phase.rawValue)")
        }
        switch status?.state {
        case .running: return try Self.bareID(status?.containerID)
        case .waiting(let reason, _):
            throw APIFailure.badRequest("\(title) is waiting to start: \(reason ?? "unknown reason")")
        case .terminated(let end):
            throw APIFailure.badRequest(
                "\(title) is not running: it ended with exit code \(end.exitCode) (\(end.reason ?? "no reason"))")
        case nil: throw APIFailure.badRequest("\(title) is not running: it has not been created yet")
        }
    }

    /// The id of the container whose log is meant: the last one that was started, or the one before. Throws 400.
    func loggedID(previous: Bool) throws -> String {
        let last = status?.lastState?.terminated
        if previous {
            guard let id = last?.containerID else {
                throw APIFailure.badRequest("previous terminated \(title) not found")
            }
            return try Self.bareID(id)
        }
        switch status?.state {
        case .running: return try Self.bareID(status?.containerID)
        case .terminated(let end): return try Self.bareID(end.containerID ?? status?.containerID)
        case .waiting(let reason, _):
            if let id = last?.containerID { return try Self.bareID(id) }
            if reason == "ErrImagePull" || reason == "ImagePullBackOff" {
                throw APIFailure.badRequest("\(title) is waiting to start: trying and failing to pull image")
            }
            throw APIFailure.badRequest("\(title) is waiting to start: \(reason ?? "ContainerCreating")")
        case nil: throw APIFailure.badRequest("\(title) is waiting to start: ContainerCreating")
        }
    }

    /// Statuses name the runtime before the id: `swiftlet://…`.
    private static func bareID(_ id: String?) throws -> String {
        guard let id, let mark = id.firstRange(of: "://"), mark.upperBound < id.endIndex else {
            throw APIFailure.badRequest("the pod's status names no container yet")
        }
        return String(id[mark.upperBound...])
    }
}
