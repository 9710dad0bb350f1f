import Errors

/// CRI v1's RuntimeService: pods and containers. The runtime implements it; `RuntimeClient` is the same over a socket.
///
/// Errors are `SwiftletError`s. Streams should buffer a bounded number of elements and end with `resourceExhausted` when
/// their reader lags behind. Sources: the service of Protos/runtime.proto; the RPCs that CRI lets a runtime leave out
/// have a default that throws `unimplemented`.
public protocol RuntimeService: Sendable {
    /// Names and versions; a client that does not know the answer's API version gives up.
    func version(_ request: CRIVersionRequest) async throws -> CRIVersionResponse
    /// Makes a sandbox and returns once it is ready. The same name, namespace, uid and attempt again: the same sandbox.
    func runPodSandbox(_ request: CRIRunPodSandboxRequest) async throws -> CRIRunPodSandboxResponse
    /// Kills what runs in the sandbox and gives its network back; the record stays. Unknown ids and repeats are no error.
    func stopPodSandbox(_ request: CRIStopPodSandboxRequest) async throws -> CRIStopPodSandboxResponse
    /// Stops the sandbox if need be and forgets it with all its containers. Unknown ids are no error.
    func removePodSandbox(_ request: CRIRemovePodSandboxRequest) async throws -> CRIRemovePodSandboxResponse
    /// Throws `notFound` for an unknown id. `info` is filled only when `verbose`.
    func podSandboxStatus(_ request: CRIPodSandboxStatusRequest) async throws -> CRIPodSandboxStatusResponse
    /// No filter lists all; a filter by an unknown id gives an empty list.
    func listPodSandbox(_ request: CRIListPodSandboxRequest) async throws -> CRIListPodSandboxResponse
    /// The list in parts, each sandbox once. Optional.
    func streamPodSandboxes(
        _ request: CRIStreamPodSandboxesRequest
    ) -> AsyncThrowingStream<CRIStreamPodSandboxesResponse, any Error>
    /// Makes a container in a ready sandbox from an image that is here already; nothing runs yet.
    func createContainer(_ request: CRICreateContainerRequest) async throws -> CRICreateContainerResponse
    /// Only from CREATED. When the command cannot start it throws and the container is EXITED.
    func startContainer(_ request: CRIStartContainerRequest) async throws -> CRIStartContainerResponse
    /// Stop signal, `timeout` seconds, SIGKILL; returns once the container is gone. Unknown ids and stopped ones: no error.
    func stopContainer(_ request: CRIStopContainerRequest) async throws -> CRIStopContainerResponse
    /// Kills the container if it runs and forgets it; its log file stays. Unknown ids are no error.
    func removeContainer(_ request: CRIRemoveContainerRequest) async throws -> CRIRemoveContainerResponse
    /// No filter lists all; a filter by an unknown id gives an empty list.
    func listContainers(_ request: CRIListContainersRequest) async throws -> CRIListContainersResponse
    /// The list in parts, each container once. Optional.
    func streamContainers(
        _ request: CRIStreamContainersRequest
    ) -> AsyncThrowingStream<CRIStreamContainersResponse, any Error>
    /// Throws `notFound` for an unknown id.
    func containerStatus(_ request: CRIContainerStatusRequest) async throws -> CRIContainerStatusResponse
    /// All or nothing; only fields that are not zero change.
    func updateContainerResources(
        _ request: CRIUpdateContainerResourcesRequest
    ) async throws -> CRIUpdateContainerResourcesResponse
    /// Opens the log path anew, after the log file was renamed.
    func reopenContainerLog(_ request: CRIReopenContainerLogRequest) async throws -> CRIReopenContainerLogResponse
    /// Runs a command to its end. `timeout` in seconds, 0 for none: then throws `deadlineExceeded`.
    func execSync(_ request: CRIExecSyncRequest) async throws -> CRIExecSyncResponse
    /// Checks the request and returns a URL of the streaming endpoint, good for one use.
    func exec(_ request: CRIExecRequest) async throws -> CRIExecResponse
    /// Checks the request and returns a URL of the streaming endpoint, good for one use.
    func attach(_ request: CRIAttachRequest) async throws -> CRIAttachResponse
    /// Checks the request and returns a URL of the streaming endpoint, good for one use.
    func portForward(_ request: CRIPortForwardRequest) async throws -> CRIPortForwardResponse
    /// Throws `notFound` for an unknown id.
    func containerStats(_ request: CRIContainerStatsRequest) async throws -> CRIContainerStatsResponse
    /// Running containers only.
    func listContainerStats(_ request: CRIListContainerStatsRequest) async throws -> CRIListContainerStatsResponse
    /// The list in parts. Optional.
    func streamContainerStats(
        _ request: CRIStreamContainerStatsRequest
    ) -> AsyncThrowingStream<CRIStreamContainerStatsResponse, any Error>
    /// Throws `notFound` for an unknown id.
    func podSandboxStats(_ request: CRIPodSandboxStatsRequest) async throws -> CRIPodSandboxStatsResponse
    /// Ready sandboxes only.
    func listPodSandboxStats(_ request: CRIListPodSandboxStatsRequest) async throws -> CRIListPodSandboxStatsResponse
    /// The list in parts. Optional.
    func streamPodSandboxStats(
        _ request: CRIStreamPodSandboxStatsRequest
    ) -> AsyncThrowingStream<CRIStreamPodSandboxStatsResponse, any Error>
    /// Takes the pod CIDR, or a comma-separated pair; empty changes nothing.
    func updateRuntimeConfig(_ request: CRIUpdateRuntimeConfigRequest) async throws -> CRIUpdateRuntimeConfigResponse
    /// At least the conditions RuntimeReady and NetworkReady.
    func status(_ request: CRIStatusRequest) async throws -> CRIStatusResponse
    /// Optional.
    func checkpointContainer(_ request: CRICheckpointContainerRequest) async throws -> CRICheckpointContainerResponse
    /// Optional.
    func checkpointPod(_ request: CRICheckpointPodRequest) async throws -> CRICheckpointPodResponse
    /// Optional.
    func restorePod(_ request: CRIRestorePodRequest) async throws -> CRIRestorePodResponse
    /// What happens to containers and sandboxes from now on, until the caller stops reading.
    func getContainerEvents(
        _ request: CRIGetEventsRequest
    ) -> AsyncThrowingStream<CRIContainerEventResponse, any Error>
    /// Optional.
    func listMetricDescriptors(
        _ request: CRIListMetricDescriptorsRequest
    ) async throws -> CRIListMetricDescriptorsResponse
    /// Optional.
    func listPodSandboxMetrics(
        _ request: CRIListPodSandboxMetricsRequest
    ) async throws -> CRIListPodSandboxMetricsResponse
    /// Optional.
    func streamPodSandboxMetrics(
        _ request: CRIStreamPodSandboxMetricsRequest
    ) -> AsyncThrowingStream<CRIStreamPodSandboxMetricsResponse, any Error>
    /// The cgroup driver; the same as long as the service lives.
    func runtimeConfig(_ request: CRIRuntimeConfigRequest) async throws -> CRIRuntimeConfigResponse
    /// Best effort.
    func updatePodSandboxResources(
        _ request: CRIUpdatePodSandboxResourcesRequest
    ) async throws -> CRIUpdatePodSandboxResourcesResponse
}

extension RuntimeService {
    public func streamPodSandboxes(
        _ request: CRIStreamPodSandboxesRequest
    ) -> AsyncThrowingStream<CRIStreamPodSandboxesResponse, any Error> {
        AsyncThrowingStream { $0.finish(throwing: leftOut("StreamPodSandboxes")) }
    }

    public func streamContainers(
        _ request: CRIStreamContainersRequest
    ) -> AsyncThrowingStream<CRIStreamContainersResponse, any Error> {
        AsyncThrowingStream { $0.finish(throwing: leftOut("StreamContainers")) }
    }

    public func streamContainerStats(
        _ request: CRIStreamContainerStatsRequest
    ) -> AsyncThrowingStream<CRIStreamContainerStatsResponse, any Error> {
        AsyncThrowingStream { $0.finish(throwing: leftOut("StreamContainerStats")) }
    }

    public func streamPodSandboxStats(
        _ request: CRIStreamPodSandboxStatsRequest
    ) -> AsyncThrowingStream<CRIStreamPodSandboxStatsResponse, any Error> {
        AsyncThrowingStream { $0.finish(throwing: leftOut("StreamPodSandboxStats")) }
    }

    public func checkpointContainer(_ request: CRICheckpointContainerRequest) async throws
        -> CRICheckpointContainerResponse
    {
        throw leftOut("CheckpointContainer")
    }

    public func checkpointPod(_ request: CRICheckpointPodRequest) async throws -> CRICheckpointPodResponse {
        throw leftOut("CheckpointPod")
    }

    public func restorePod(_ request: CRIRestorePodRequest) async throws -> CRIRestorePodResponse {
        throw leftOut("RestorePod")
    }

    public func listMetricDescriptors(
        _ request: CRIListMetricDescriptorsRequest
    ) async throws -> CRIListMetricDescriptorsResponse {
        throw leftOut("ListMetricDescriptors")
    }

    public func listPodSandboxMetrics(
        _ request: CRIListPodSandboxMetricsRequest
    ) async throws -> CRIListPodSandboxMetricsResponse {
        throw leftOut("ListPodSandboxMetrics")
    }

    public func streamPodSandboxMetrics(
        _ request: CRIStreamPodSandboxMetricsRequest
    ) -> AsyncThrowingStream<CRIStreamPodSandboxMetricsResponse, any Error> {
        AsyncThrowingStream { $0.finish(throwing: leftOut("StreamPodSandboxMetrics")) }
    }
}

func leftOut(_ rpc: String) -> SwiftletError {
    SwiftletError(.unimplemented, "this runtime does not serve it; CRI lets a runtime leave it out", object: rpc)
}
