extension RuntimeClient: RuntimeService {
    public func version(_ request: CRIVersionRequest) async throws -> CRIVersionResponse {
        try await call(RuntimeRPC.version, request)
    }

    public func runPodSandbox(_ request: CRIRunPodSandboxRequest) async throws -> CRIRunPodSandboxResponse {
        try await call(RuntimeRPC.runPodSandbox, request)
    }

    public func stopPodSandbox(_ request: CRIStopPodSandboxRequest) async throws -> CRIStopPodSandboxResponse {
        try await call(RuntimeRPC.stopPodSandbox, request)
    }

    public func removePodSandbox(_ request: CRIRemovePodSandboxRequest) async throws -> CRIRemovePodSandboxResponse {
        try await call(RuntimeRPC.removePodSandbox, request)
    }

    public func podSandboxStatus(_ request: CRIPodSandboxStatusRequest) async throws -> CRIPodSandboxStatusResponse {
        try await call(RuntimeRPC.podSandboxStatus, request)
    }

    public func listPodSandbox(_ request: CRIListPodSandboxRequest) async throws -> CRIListPodSandboxResponse {
        try await call(RuntimeRPC.listPodSandbox, request)
    }

    public func streamPodSandboxes(
        _ request: CRIStreamPodSandboxesRequest
    ) -> AsyncThrowingStream<CRIStreamPodSandboxesResponse, any Error> {
        subscribe(RuntimeRPC.streamPodSandboxes, request)
    }

    public func createContainer(_ request: CRICreateContainerRequest) async throws -> CRICreateContainerResponse {
        try await call(RuntimeRPC.createContainer, request)
    }

    public func startContainer(_ request: CRIStartContainerRequest) async throws -> CRIStartContainerResponse {
        try await call(RuntimeRPC.startContainer, request)
    }

    public func stopContainer(_ request: CRIStopContainerRequest) async throws -> CRIStopContainerResponse {
        try await call(RuntimeRPC.stopContainer, request)
    }

    public func removeContainer(_ request: CRIRemoveContainerRequest) async throws -> CRIRemoveContainerResponse {
        try await call(RuntimeRPC.removeContainer, request)
    }

    public func listContainers(_ request: CRIListContainersRequest) async throws -> CRIListContainersResponse {
        try await call(RuntimeRPC.listContainers, request)
    }

    public func streamContainers(
        _ request: CRIStreamContainersRequest
    ) -> AsyncThrowingStream<CRIStreamContainersResponse, any Error> {
        subscribe(RuntimeRPC.streamContainers, request)
    }

    public func containerStatus(_ request: CRIContainerStatusRequest) async throws -> CRIContainerStatusResponse {
        try await call(RuntimeRPC.containerStatus, request)
    }

    public func updateContainerResources(
        _ request: CRIUpdateContainerResourcesRequest
    ) async throws -> CRIUpdateContainerResourcesResponse {
        try await call(RuntimeRPC.updateContainerResources, request)
    }

    public func reopenContainerLog(_ request: CRIReopenContainerLogRequest) async throws
        -> CRIReopenContainerLogResponse
    {
        try await call(RuntimeRPC.reopenContainerLog, request)
    }

    public func execSync(_ request: CRIExecSyncRequest) async throws -> CRIExecSyncResponse {
        try await call(RuntimeRPC.execSync, request)
    }

    public func exec(_ request: CRIExecRequest) async throws -> CRIExecResponse {
        try await call(RuntimeRPC.exec, request)
    }

    public func attach(_ request: CRIAttachRequest) async throws -> CRIAttachResponse {
        try await call(RuntimeRPC.attach, request)
    }

    public func portForward(_ request: CRIPortForwardRequest) async throws -> CRIPortForwardResponse {
        try await call(RuntimeRPC.portForward, request)
    }

    public func containerStats(_ request: CRIContainerStatsRequest) async throws -> CRIContainerStatsResponse {
        try await call(RuntimeRPC.containerStats, request)
    }

    public func listContainerStats(_ request: CRIListContainerStatsRequest) async throws
        -> CRIListContainerStatsResponse
    {
        try await call(RuntimeRPC.listContainerStats, request)
    }

    public func streamContainerStats(
        _ request: CRIStreamContainerStatsRequest
    ) -> AsyncThrowingStream<CRIStreamContainerStatsResponse, any Error> {
        subscribe(RuntimeRPC.streamContainerStats, request)
    }

    public func podSandboxStats(_ request: CRIPodSandboxStatsRequest) async throws -> CRIPodSandboxStatsResponse {
        try await call(RuntimeRPC.podSandboxStats, request)
    }

    public func listPodSandboxStats(_ request: CRIListPodSandboxStatsRequest) async throws
        -> CRIListPodSandboxStatsResponse
    {
        try await call(RuntimeRPC.listPodSandboxStats, request)
    }

    public func streamPodSandboxStats(
        _ request: CRIStreamPodSandboxStatsRequest
    ) -> AsyncThrowingStream<CRIStreamPodSandboxStatsResponse, any Error> {
        subscribe(RuntimeRPC.streamPodSandboxStats, request)
    }

    public func updateRuntimeConfig(_ request: CRIUpdateRuntimeConfigRequest) async throws
        -> CRIUpdateRuntimeConfigResponse
    {
        try await call(RuntimeRPC.updateRuntimeConfig, request)
    }

    public func status(_ request: CRIStatusRequest) async throws -> CRIStatusResponse {
        try await call(RuntimeRPC.status, request)
    }

    public func checkpointContainer(_ request: CRICheckpointContainerRequest) async throws
        -> CRICheckpointContainerResponse
    {
        try await call(RuntimeRPC.checkpointContainer, request)
    }

    public func checkpointPod(_ request: CRICheckpointPodRequest) async throws -> CRICheckpointPodResponse {
        try await call(RuntimeRPC.checkpointPod, request)
    }

    public func restorePod(_ request: CRIRestorePodRequest) async throws -> CRIRestorePodResponse {
        try await call(RuntimeRPC.restorePod, request)
    }

    public func getContainerEvents(
        _ request: CRIGetEventsRequest
    ) -> AsyncThrowingStream<CRIContainerEventResponse, any Error> {
        subscribe(RuntimeRPC.getContainerEvents, request)
    }

    public func listMetricDescriptors(
        _ request: CRIListMetricDescriptorsRequest
    ) async throws -> CRIListMetricDescriptorsResponse {
        try await call(RuntimeRPC.listMetricDescriptors, request)
    }

    public func listPodSandboxMetrics(
        _ request: CRIListPodSandboxMetricsRequest
    ) async throws -> CRIListPodSandboxMetricsResponse {
        try await call(RuntimeRPC.listPodSandboxMetrics, request)
    }

    public func streamPodSandboxMetrics(
        _ request: CRIStreamPodSandboxMetricsRequest
    ) -> AsyncThrowingStream<CRIStreamPodSandboxMetricsResponse, any Error> {
        subscribe(RuntimeRPC.streamPodSandboxMetrics, request)
    }

    public func runtimeConfig(_ request: CRIRuntimeConfigRequest) async throws -> CRIRuntimeConfigResponse {
        try await call(RuntimeRPC.runtimeConfig, request)
    }

    public func updatePodSandboxResources(
        _ request: CRIUpdatePodSandboxResourcesRequest
    ) async throws -> CRIUpdatePodSandboxResourcesResponse {
        try await call(RuntimeRPC.updatePodSandboxResources, request)
    }
}

extension RuntimeClient: ImageService {
    public func listImages(_ request: CRIListImagesRequest) async throws -> CRIListImagesResponse {
        try await call(ImageRPC.listImages, request)
    }

    public func streamImages(_ request: CRIStreamImagesRequest) -> AsyncThrowingStream<
        CRIStreamImagesResponse, any Error
    > {
        subscribe(ImageRPC.streamImages, request)
    }

    public func imageStatus(_ request: CRIImageStatusRequest) async throws -> CRIImageStatusResponse {
        try await call(ImageRPC.imageStatus, request)
    }

    public func pullImage(_ request: CRIPullImageRequest) async throws -> CRIPullImageResponse {
        try await call(ImageRPC.pullImage, request)
    }

    public func removeImage(_ request: CRIRemoveImageRequest) async throws -> CRIRemoveImageResponse {
        try await call(ImageRPC.removeImage, request)
    }

    public func imageFsInfo(_ request: CRIImageFsInfoRequest) async throws -> CRIImageFsInfoResponse {
        try await call(ImageRPC.imageFsInfo, request)
    }
}
