import CRI
import Errors
import KubeAPI

/// How large a container's logs may grow (kubelet: containerLogMaxSize, containerLogMaxFiles).
public struct LogLimits: Sendable, Equatable {
    /// Bytes of one file.
    public var size: Int64
    /// Files of one start of a container, at least 2.
    public var count: Int
    /// Seconds between two looks.
    public var period: Double

    public init(size: Int64 = 10 << 20, count: Int = 5, period: Double = 10) {
        self.size = size
        self.count = count
        self.period = period
    }
}

/// Moves the logs of running containers away as they grow. No line is lost: a container writes on into the moved file until
/// the runtime has opened a new one.
struct LogRotation: Sendable {
    let context: LoopContext
    let limits: LogLimits

    func run() async {
        while !Task.isCancelled {
            await pause(.seconds(limits.period))
            if Task.isCancelled { return }
            do { try await once() } catch {
                context.log.debug("rotate logs: \(SwiftletError.wrapping(error))")
            }
        }
    }

    func once() async throws {
        let observer = RuntimeObserver(runtime: context.runtime)
        var request = CRIListContainersRequest()
        request.filter.state.state = .containerRunning
        for container in try await context.runtime.listContainers(request).containers {
            guard let pod = observer.reference(container.labels) else { continue }
            do { try await rotate(container, pod) } catch {
                context.log.warning(
                    "rotate the log of \(container.metadata.name) of pod \(podText(pod)): \(SwiftletError.wrapping(error))"
                )
            }
        }
    }

    private func rotate(_ container: CRIContainer, _ pod: PodReference) async throws {
        let name = container.metadata.name
        let attempt = container.metadata.attempt
        let moved = try await context.volumes.moveLogAway(
            container: name, attempt: attempt, pod: pod, size: limits.size, count: limits.count, now: context.now())
        if moved == .stays { return }
        var request = CRIReopenContainerLogRequest()
        request.containerID = container.id
        do { _ = try await context.runtime.reopenContainerLog(request) } catch {
            // One that has ended meanwhile has its log under the moved name; it is found under its own again.
            if case .moved(let file) = moved {
                try await context.volumes.moveLogBack(file, container: name, attempt: attempt, pod: pod)
            }
            throw error
        }
    }
}
