/// The method table of `RuntimeService`: server and client both go by it.
public enum RuntimeRPC {
    public static let version = UnaryRPC("Version") { (service: any RuntimeService, request: CRIVersionRequest) in
        try await service.version(request)
    }
    public static let runPodSandbox = UnaryRPC("RunPodSandbox") {
        (service: any RuntimeService, request: CRIRunPodSandboxRequest) in
        try await service.runPodSandbox(request)
    }
    public static let stopPodSandbox = UnaryRPC("StopPodSandbox") {
        (service: any RuntimeService, request: CRIStopPodSandboxRequest) in
        try await service.stopPodSandbox(request)
    }
    public static let removePodSandbox = UnaryRPC("RemovePodSandbox") {
        (service: any RuntimeService, request: CRIRemovePodSandboxRequest) in
        try await service.removePodSandbox(request)
    }
    public static let podSandboxStatus = UnaryRPC("PodSandboxStatus") {
        (service: any RuntimeService, request: CRIPodSandboxStatusRequest) in
        try await service.podSandboxStatus(request)
    }
    public static let listPodSandbox = UnaryRPC("ListPodSandbox") {
        (service: any RuntimeService, request: CRIListPodSandboxRequest) in
        try await service.listPodSandbox(request)
    }
    public static let streamPodSandboxes = StreamRPC("StreamPodSandboxes") {
        (service: any RuntimeService, request: CRIStreamPodSandboxesRequest) in
        service.streamPodSandboxes(request)
    }
    public static let createContainer = UnaryRPC("CreateContainer") {
        (service: any RuntimeService, request: CRICreateContainerRequest) in
        try await service.createContainer(request)
    }
    public static let startContainer = UnaryRPC("StartContainer") {
        (service: any RuntimeService, request: CRIStartContainerRequest) in
        try await service.startContainer(request)
    }
    public static let stopContainer = UnaryRPC("StopContainer") {
        (service: any RuntimeService, request: CRIStopContainerRequest) in
        try await service.stopContainer(request)
    }
    public static let removeContainer = UnaryRPC("RemoveContainer") {
        (service: any RuntimeService, request: CRIRemoveContainerRequest) in
        try await service.removeContainer(request)
    }
    public static let listContainers = UnaryRPC("ListContainers") {
        (service: any RuntimeService, request: CRIListContainersRequest) in
        try await service.listContainers(request)
    }
    public static let streamContainers = StreamRPC("StreamContainers") {
        (service: any RuntimeService, request: CRIStreamContainersRequest) in
        service.streamContainers(request)
    }
    public static let containerStatus = UnaryRPC("ContainerStatus") {
        (service: any RuntimeService, request: CRIContainerStatusRequest) in
        try await service.containerStatus(request)
    }
    public static let updateContainerResources = UnaryRPC("UpdateContainerResources") {
        (service: any RuntimeService, request: CRIUpdateContainerResourcesRequest) in
        try await service.updateContainerResources(request)
    }
    public static let reopenContainerLog = UnaryRPC("ReopenContainerLog") {
        (service: any RuntimeService, request: CRIReopenContainerLogRequest) in
        try await service.reopenContainerLog(request)
    }
    public static let execSync = UnaryRPC("ExecSync") { (service: any RuntimeService, request: CRIExecSyncRequest) in
        try await service.execSync(request)
    }
    public static let exec = UnaryRPC("Exec") { (service: any RuntimeService, request: CRIExecRequest) in
        try await service.exec(request)
    }
    public static let attach = UnaryRPC("Attach") { (service: any RuntimeService, request: CRIAttachRequest) in
        try await service.attach(request)
    }
    public static let portForward = UnaryRPC("PortForward") {
        (service: any RuntimeService, request: CRIPortForwardRequest) in
        try await service.portForward(request)
    }
    public static let containerStats = UnaryRPC("ContainerStats") {
        (service: any RuntimeService, request: CRIContainerStatsRequest) in
        try await service.containerStats(request)
    }
    public static let listContainerStats = UnaryRPC("ListContainerStats") {
        (service: any RuntimeService, request: CRIListContainerStatsRequest) in
        try await service.listContainerStats(request)
    }
    public static let streamContainerStats = StreamRPC("StreamContainerStats") {
        (service: any RuntimeService, request: CRIStreamContainerStatsRequest) in
        service.streamContainerStats(request)
    }
    public static let podSandboxStats = UnaryRPC("PodSandboxStats") {
        (service: any RuntimeService, request: CRIPodSandboxStatsRequest) in
        try await service.podSandboxStats(request)
    }
    public static let listPodSandboxStats = UnaryRPC("ListPodSandboxStats") {
        (service: any RuntimeService, request: CRIListPodSandboxStatsRequest) in
        try await service.listPodSandboxStats(request)
    }
    public static let streamPodSandboxStats = StreamRPC("StreamPodSandboxStats") {
        (service: any RuntimeService, request: CRIStreamPodSandboxStatsRequest) in
        service.streamPodSandboxStats(request)
    }
    public static let updateRuntimeConfig = UnaryRPC("UpdateRuntimeConfig") {
        (service: any RuntimeService, request: CRIUpdateRuntimeConfigRequest) in
        try await service.updateRuntimeConfig(request)
    }
    public static let status = UnaryRPC("Status") { (service: any RuntimeService, request: CRIStatusRequest) in
        try await service.status(request)
    }
    public static let checkpointContainer = UnaryRPC("CheckpointContainer") {
        (service: any RuntimeService, request: CRICheckpointContainerRequest) in
        try await service.checkpointContainer(request)
    }
    public static let checkpointPod = UnaryRPC("CheckpointPod") {
        (service: any RuntimeService, request: CRICheckpointPodRequest) in
        try await service.checkpointPod(request)
    }
    public static let restorePod = UnaryRPC("RestorePod") {
        (service: any RuntimeService, request: CRIRestorePodRequest) in
        try await service.restorePod(request)
    }
    public static let getContainerEvents = StreamRPC("GetContainerEvents") {
        (service: any RuntimeService, request: CRIGetEventsRequest) in
        service.getContainerEvents(request)
    }
    public static let listMetricDescriptors = UnaryRPC("ListMetricDescriptors") {
        (service: any RuntimeService, request: CRIListMetricDescriptorsRequest) in
        try await service.listMetricDescriptors(request)
    }
    public static let listPodSandboxMetrics = UnaryRPC("ListPodSandboxMetrics") {
        (service: any RuntimeService, request: CRIListPodSandboxMetricsRequest) in
        try await service.listPodSandboxMetrics(request)
    }
    public static let streamPodSandboxMetrics = StreamRPC("StreamPodSandboxMetrics") {
        (service: any RuntimeService, request: CRIStreamPodSandboxMetricsRequest) in
        service.streamPodSandboxMetrics(request)
    }
    public static let runtimeConfig = UnaryRPC("RuntimeConfig") {
        (service: any RuntimeService, request: CRIRuntimeConfigRequest) in
        try await service.runtimeConfig(request)
    }
    public static let updatePodSandboxResources = UnaryRPC("UpdatePodSandboxResources") {
        (service: any RuntimeService, request: CRIUpdatePodSandboxResourcesRequest) in
        try await service.updatePodSandboxResources(request)
    }

    public static let all: [any RPC<any RuntimeService>] = [
        version, runPodSandbox, stopPodSandbox, removePodSandbox, podSandboxStatus, listPodSandbox, streamPodSandboxes,
        createContainer, startContainer, stopContainer, removeContainer, listContainers, streamContainers,
        containerStatus, updateContainerResources, reopenContainerLog, execSync, exec, attach, portForward,
        containerStats, listContainerStats, streamContainerStats, podSandboxStats, listPodSandboxStats,
        streamPodSandboxStats, updateRuntimeConfig, status, checkpointContainer, checkpointPod, restorePod,
        getContainerEvents, listMetricDescriptors, listPodSandboxMetrics, streamPodSandboxMetrics, runtimeConfig,
        updatePodSandboxResources,
    ]
}
