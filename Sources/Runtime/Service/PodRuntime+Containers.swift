import CRI
import Errors
import LinuxSystem

extension PodRuntime {
    public func createContainer(_ request: CRICreateContainerRequest) async throws -> CRICreateContainerResponse {
        let pod = try pod(request.podSandboxID)
        let id = try await pod.create(request.config)
        return .with { $0.containerID = id }
    }

    public func startContainer(_ request: CRIStartContainerRequest) async throws -> CRIStartContainerResponse {
        let (pod, id) = try container(request.containerID)
        try await pod.start(id)
        return CRIStartContainerResponse()
    }

    public func stopContainer(_ request: CRIStopContainerRequest) async throws -> CRIStopContainerResponse {
        if let (pod, id) = try pods.container(request.containerID) {
            try await pod.stop(id, timeout: request.timeout)
        }
        return CRIStopContainerResponse()
    }

    public func removeContainer(_ request: CRIRemoveContainerRequest) async throws -> CRIRemoveContainerResponse {
        if let (pod, id) = try pods.container(request.containerID) { try await pod.remove(id) }
        return CRIRemoveContainerResponse()
    }

    public func listContainers(_ request: CRIListContainersRequest) async throws -> CRIListContainersResponse {
        let filter = request.filter
        var found: [ContainerRecord] = []
        for view in pods.all.map(\.view)
        where filter.podSandboxID.isEmpty || PodRegistry.matches(view.sandbox.id, filter.podSandboxID) {
            for container in view.containers.values where container.record.matches(filter) {
                found.append(container.record)
            }
        }
        return .with { $0.containers = found.sorted { $0.createdAt > $1.createdAt }.map(\.item) }
    }

    public func containerStatus(_ request: CRIContainerStatusRequest) async throws -> CRIContainerStatusResponse {
        let (pod, id) = try container(request.containerID)
        let podView = pod.view
        guard let view = podView.containers[id] else { throw SwiftletError.notFound("container", id) }
        return try .with {
            $0.status = view.record.status
            if request.verbose { $0.info = ["info": try Verbose.container(view, podView)] }
        }
    }

    public func updateContainerResources(
        _ request: CRIUpdateContainerResourcesRequest
    ) async throws -> CRIUpdateContainerResourcesResponse {
        let (pod, id) = try container(request.containerID)
        try await pod.update(id, request.linux)
        return CRIUpdateContainerResourcesResponse()
    }

    public func reopenContainerLog(
        _ request: CRIReopenContainerLogRequest
    ) async throws -> CRIReopenContainerLogResponse {
        let (pod, id) = try container(request.containerID)
        try await pod.reopenLog(id)
        return CRIReopenContainerLogResponse()
    }

    public func getContainerEvents(
        _ request: CRIGetEventsRequest
    ) -> AsyncThrowingStream<CRIContainerEventResponse, any Error> {
        context.events.listen()
    }

    /// Errors: `notFound`.
    func container(_ id: String) throws(SwiftletError) -> (pod: Pod, id: String) {
        guard let found = try pods.container(id) else { throw .notFound("container", id) }
        return found
    }
}
