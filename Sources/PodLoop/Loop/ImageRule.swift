import CRI
import Errors
import KubeAPI

/// A start that failed: the container's waiting reason and its message.
struct StartError: Error {
    var reason: StartFailure.Reason
    var message: String

    init(_ reason: StartFailure.Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    init(_ reason: StartFailure.Reason, _ error: any Error) {
        self.init(reason, SwiftletError.wrapping(error).description)
    }
}

/// `Always` for the tag latest or none, otherwise `IfNotPresent`, where the container says nothing.
func pullPolicy(of container: Container) -> PullPolicy {
    if let policy = container.imagePullPolicy { return policy }
    let name = (container.image ?? "").split(separator: "/").last ?? ""
    if name.contains("@") { return .ifNotPresent }
    guard let colon = name.firstIndex(of: ":") else { return .always }
    return name[colon...] == ":latest" ? .always : .ifNotPresent
}

/// Finds a container's image in the local store, and asks the runtime for it where it is not.
struct ImageRule: Sendable {
    let context: LoopContext

    /// Whatever the policy: an image that is in the store is used as it is, for there is no registry to ask.
    func image(for container: Container, pod: Pod) async throws(StartError) -> CRIImage {
        let name = container.image ?? ""
        if let image = try await find(name) {
            await context.record(
                PlannedEvent(
                    .normal, "Pulled", "Container image \"\(name)\" already present on machine",
                    container: container.name), pod: pod)
            return image
        }
        if pullPolicy(of: container) == .never {
            let message = "Container image \"\(name)\" is not present with pull policy of Never"
            await failed("ErrImageNeverPull", message, container, pod)
            throw StartError(.imageNeverPull, "\(message); \(loadHint)")
        }
        try await pull(name, container, pod)
        if let image = try await find(name) { return image }
        throw StartError(.imagePull, "the runtime pulled image \"\(name)\" and does not know it")
    }

    private func find(_ name: String) async throws(StartError) -> CRIImage? {
        var request = CRIImageStatusRequest()
        request.image.image = name
        do {
            let answer = try await context.runtime.imageStatus(request)
            return answer.hasImage ? answer.image : nil
        } catch let error as SwiftletError where error.code == .invalidArgument {
            throw StartError(.invalidImageName, "Failed to apply default image tag \"\(name)\": \(error)")
        } catch {
            throw StartError(.imageInspect, error)
        }
    }

    private func pull(_ name: String, _ container: Container, _ pod: Pod) async throws(StartError) {
        await context.record(
            PlannedEvent(.normal, "Pulling", "Pulling image \"\(name)\"", container: container.name), pod: pod)
        var request = CRIPullImageRequest()
        request.image.image = name
        do { _ = try await context.runtime.pullImage(request) } catch {
            let error = SwiftletError.wrapping(error)
            let message =
                error.code == .unimplemented
                ? "image \"\(name)\" is not in this machine's store, and there is no registry to pull from; \(loadHint)"
                : error.hint == nil ? "\(error); \(loadHint)" : error.description
            await failed("Failed", "Failed to pull image \"\(name)\": \(message)", container, pod)
            await failed("Failed", "Error: ErrImagePull", container, pod)
            throw StartError(.imagePull, message)
        }
    }

    private var loadHint: String {
        "load it from an archive: swiftlet image load FILE"
    }

    private func failed(_ reason: String, _ message: String, _ container: Container, _ pod: Pod) async {
        await context.record(PlannedEvent(.warning, reason, message, container: container.name), pod: pod)
    }
}
