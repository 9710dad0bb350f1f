import CRI
import Errors
import SwiftProtobuf
import Synchronization

/// Notes every call and answers with the message the test gives for it, or an empty one.
final class EchoService: Sendable {
    let calls = Mutex<[(name: String, request: any Message)]>([])
    let answers = Mutex<[String: any Message]>([:])
    let failures = Mutex<[String: SwiftletError]>([:])

    private func answer<A: Message>(_ name: String, _ request: any Message) throws -> A {
        calls.withLock { $0.append((name, request)) }
        if let error = failures.withLock({ $0[name] }) { throw error }
        return answers.withLock { $0[name] as? A } ?? A()
    }

    /// One element, then the end or the failure.
    private func stream<A: Message>(_ name: String, _ request: any Message) -> AsyncThrowingStream<A, any Error> {
        calls.withLock { $0.append((name, request)) }
        let element = answers.withLock { $0[name] as? A } ?? A()
        let failure = failures.withLock { $0[name] }
        return AsyncThrowingStream { continuation in
            continuation.yield(element)
            continuation.finish(throwing: failure)
        }
    }
}

extension EchoService: RuntimeService {
    func version(_ request: CRIVersionRequest) async throws -> CRIVersionResponse {
        try answer("Version", request)
    }
    func runPodSandbox(_ request: CRIRunPodSandboxRequest) async throws -> CRIRunPodSandboxResponse {
        try answer("RunPodSandbox", request)
    }
    func stopPodSandbox(_ request: CRIStopPodSandboxRequest) async throws -> CRIStopPodSandboxResponse {
        try answer("StopPodSandbox", request)
    }
    func removePodSandbox(_ request: CRIRemovePodSandboxRequest) async throws -> CRIRemovePodSandboxResponse {
        try answer("RemovePodSandbox", request)
    }
    func podSandboxStatus(_ request: CRIPodSandboxStatusRequest) async throws -> CRIPodSandboxStatusResponse {
        try answer("PodSandboxStatus", request)
    }
    func listPodSandbox(_ request: CRIListPodSandboxRequest) async throws -> CRIListPodSandboxResponse {
        try answer("ListPodSandbox", request)
    }
    func streamPodSandboxes(_ request: CRIStreamPodSandboxesRequest) -> AsyncThrowingStream<
        CRIStreamPodSandboxesResponse, any Error
    > {
        stream("StreamPodSandboxes", request)
    }
    func createContainer(_ request: CRICreateContainerRequest) async throws -> CRICreateContainerResponse {
        try answer("CreateContainer", request)
    }
    func startContainer(_ request: CRIStartContainerRequest) async throws -> CRIStartContainerResponse {
        try answer("StartContainer", request)
    }
    func stopContainer(_ request: CRIStopContainerRequest) async throws -> CRIStopContainerResponse {
        try answer("StopContainer", request)
    }
    func removeContainer(_ request: CRIRemoveContainerRequest) async throws -> CRIRemoveContainerResponse {
        try answer("RemoveContainer", request)
    }
    func listContainers(_ request: CRIListContainersRequest) async throws -> CRIListContainersResponse {
        try answer("ListContainers", request)
    }
    func streamContainers(_ request: CRIStreamContainersRequest) -> AsyncThrowingStream<
        CRIStreamContainersResponse, any Error
    > {
        stream("StreamContainers", request)
    }
    func containerStatus(_ request: CRIContainerStatusRequest) async throws -> CRIContainerStatusResponse {
        try answer("ContainerStatus", request)
    }
    func updateContainerResources(_ request: CRIUpdateContainerResourcesRequest) async throws
        -> CRIUpdateContainerResourcesResponse
    {
        try answer("UpdateContainerResources", request)
    }
    func reopenContainerLog(_ request: CRIReopenContainerLogRequest) async throws -> CRIReopenContainerLogResponse {
        try answer("ReopenContainerLog", request)
    }
    func execSync(_ request: CRIExecSyncRequest) async throws -> CRIExecSyncResponse {
        try answer("ExecSync", request)
    }
    func exec(_ request: CRIExecRequest) async throws -> CRIExecResponse {
        try answer("Exec", request)
    }
    func attach(_ request: CRIAttachRequest) async throws -> CRIAttachResponse {
        try answer("Attach", request)
    }
    func portForward(_ request: CRIPortForwardRequest) async throws -> CRIPortForwardResponse {
        try answer("PortForward", request)
    }
    func containerStats(_ request: CRIContainerStatsRequest) async throws -> CRIContainerStatsResponse {
        try answer("ContainerStats", request)
    }
    func listContainerStats(_ request: CRIListContainerStatsRequest) async throws -> CRIListContainerStatsResponse {
        try answer("ListContainerStats", request)
    }
    func streamContainerStats(_ request: CRIStreamContainerStatsRequest) -> AsyncThrowingStream<
        CRIStreamContainerStatsResponse, any Error
    > {
        stream("StreamContainerStats", request)
    }
    func podSandboxStats(_ request: CRIPodSandboxStatsRequest) async throws -> CRIPodSandboxStatsResponse {
        try answer("PodSandboxStats", request)
    }
    func listPodSandboxStats(_ request: CRIListPodSandboxStatsRequest) async throws -> CRIListPodSandboxStatsResponse {
        try answer("ListPodSandboxStats", request)
    }
    func streamPodSandboxStats(_ request: CRIStreamPodSandboxStatsRequest) -> AsyncThrowingStream<
        CRIStreamPodSandboxStatsResponse, any Error
    > {
        stream("StreamPodSandboxStats", request)
    }
    func updateRuntimeConfig(_ request: CRIUpdateRuntimeConfigRequest) async throws -> CRIUpdateRuntimeConfigResponse {
        try answer("UpdateRuntimeConfig", request)
    }
    func status(_ request: CRIStatusRequest) async throws -> CRIStatusResponse {
        try answer("Status", request)
    }
    func checkpointContainer(_ request: CRICheckpointContainerRequest) async throws -> CRICheckpointContainerResponse {
        try answer("CheckpointContainer", request)
    }
    func checkpointPod(_ request: CRICheckpointPodRequest) async throws -> CRICheckpointPodResponse {
        try answer("CheckpointPod", request)
    }
    func restorePod(_ request: CRIRestorePodRequest) async throws -> CRIRestorePodResponse {
        try answer("RestorePod", request)
    }
    func getContainerEvents(_ request: CRIGetEventsRequest) -> AsyncThrowingStream<CRIContainerEventResponse, any Error>
    {
        stream("GetContainerEvents", request)
    }
    func listMetricDescriptors(_ request: CRIListMetricDescriptorsRequest) async throws
        -> CRIListMetricDescriptorsResponse
    {
        try answer("ListMetricDescriptors", request)
    }
    func listPodSandboxMetrics(_ request: CRIListPodSandboxMetricsRequest) async throws
        -> CRIListPodSandboxMetricsResponse
    {
        try answer("ListPodSandboxMetrics", request)
    }
    func streamPodSandboxMetrics(_ request: CRIStreamPodSandboxMetricsRequest) -> AsyncThrowingStream<
        CRIStreamPodSandboxMetricsResponse, any Error
    > {
        stream("StreamPodSandboxMetrics", request)
    }
    func runtimeConfig(_ request: CRIRuntimeConfigRequest) async throws -> CRIRuntimeConfigResponse {
        try answer("RuntimeConfig", request)
    }
    func updatePodSandboxResources(_ request: CRIUpdatePodSandboxResourcesRequest) async throws
        -> CRIUpdatePodSandboxResourcesResponse
    {
        try answer("UpdatePodSandboxResources", request)
    }
}

extension EchoService: ImageService {
    func listImages(_ request: CRIListImagesRequest) async throws -> CRIListImagesResponse {
        try answer("ListImages", request)
    }
    func streamImages(_ request: CRIStreamImagesRequest) -> AsyncThrowingStream<CRIStreamImagesResponse, any Error> {
        stream("StreamImages", request)
    }
    func imageStatus(_ request: CRIImageStatusRequest) async throws -> CRIImageStatusResponse {
        try answer("ImageStatus", request)
    }
    func pullImage(_ request: CRIPullImageRequest) async throws -> CRIPullImageResponse {
        try answer("PullImage", request)
    }
    func removeImage(_ request: CRIRemoveImageRequest) async throws -> CRIRemoveImageResponse {
        try answer("RemoveImage", request)
    }
    func imageFsInfo(_ request: CRIImageFsInfoRequest) async throws -> CRIImageFsInfoResponse {
        try answer("ImageFsInfo", request)
    }
}
