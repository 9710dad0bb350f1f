import CRI
import JSON
import SwiftProtobuf
import Testing

/// Every method of both services through client, socket and server: name, request and answer arrive as sent.
@Suite(.timeLimit(.minutes(1))) struct RoundTripTests {
    private typealias Case = (
        name: String, request: any Message, response: any Message,
        call: @Sendable (RuntimeClient) async throws -> any Message
    )

    private static let cases: [Case] = [
        (
            "Version", sample(CRIVersionRequest.self), sample(CRIVersionResponse.self),
            { try await $0.version(sample()) }
        ),
        (
            "RunPodSandbox", sample(CRIRunPodSandboxRequest.self), sample(CRIRunPodSandboxResponse.self),
            { try await $0.runPodSandbox(sample()) }
        ),
        (
            "StopPodSandbox", sample(CRIStopPodSandboxRequest.self), sample(CRIStopPodSandboxResponse.self),
            { try await $0.stopPodSandbox(sample()) }
        ),
        (
            "RemovePodSandbox", sample(CRIRemovePodSandboxRequest.self), sample(CRIRemovePodSandboxResponse.self),
            { try await $0.removePodSandbox(sample()) }
        ),
        (
            "PodSandboxStatus", sample(CRIPodSandboxStatusRequest.self), sample(CRIPodSandboxStatusResponse.self),
            { try await $0.podSandboxStatus(sample()) }
        ),
        (
            "ListPodSandbox", sample(CRIListPodSandboxRequest.self), sample(CRIListPodSandboxResponse.self),
            { try await $0.listPodSandbox(sample()) }
        ),
        (
            "StreamPodSandboxes", sample(CRIStreamPodSandboxesRequest.self), sample(CRIStreamPodSandboxesResponse.self),
            { try await first($0.streamPodSandboxes(sample())) }
        ),
        (
            "CreateContainer", sample(CRICreateContainerRequest.self), sample(CRICreateContainerResponse.self),
            { try await $0.createContainer(sample()) }
        ),
        (
            "StartContainer", sample(CRIStartContainerRequest.self), sample(CRIStartContainerResponse.self),
            { try await $0.startContainer(sample()) }
        ),
        (
            "StopContainer", sample(CRIStopContainerRequest.self), sample(CRIStopContainerResponse.self),
            { try await $0.stopContainer(sample()) }
        ),
        (
            "RemoveContainer", sample(CRIRemoveContainerRequest.self), sample(CRIRemoveContainerResponse.self),
            { try await $0.removeContainer(sample()) }
        ),
        (
            "ListContainers", sample(CRIListContainersRequest.self), sample(CRIListContainersResponse.self),
            { try await $0.listContainers(sample()) }
        ),
        (
            "StreamContainers", sample(CRIStreamContainersRequest.self), sample(CRIStreamContainersResponse.self),
            { try await first($0.streamContainers(sample())) }
        ),
        (
            "ContainerStatus", sample(CRIContainerStatusRequest.self), sample(CRIContainerStatusResponse.self),
            { try await $0.containerStatus(sample()) }
        ),
        (
            "UpdateContainerResources", sample(CRIUpdateContainerResourcesRequest.self),
            sample(CRIUpdateContainerResourcesResponse.self), { try await $0.updateContainerResources(sample()) }
        ),
        (
            "ReopenContainerLog", sample(CRIReopenContainerLogRequest.self), sample(CRIReopenContainerLogResponse.self),
            { try await $0.reopenContainerLog(sample()) }
        ),
        (
            "ExecSync", sample(CRIExecSyncRequest.self), sample(CRIExecSyncResponse.self),
            { try await $0.execSync(sample()) }
        ),
        ("Exec", sample(CRIExecRequest.self), sample(CRIExecResponse.self), { try await $0.exec(sample()) }),
        ("Attach", sample(CRIAttachRequest.self), sample(CRIAttachResponse.self), { try await $0.attach(sample()) }),
        (
            "PortForward", sample(CRIPortForwardRequest.self), sample(CRIPortForwardResponse.self),
            { try await $0.portForward(sample()) }
        ),
        (
            "ContainerStats", sample(CRIContainerStatsRequest.self), sample(CRIContainerStatsResponse.self),
            { try await $0.containerStats(sample()) }
        ),
        (
            "ListContainerStats", sample(CRIListContainerStatsRequest.self), sample(CRIListContainerStatsResponse.self),
            { try await $0.listContainerStats(sample()) }
        ),
        (
            "StreamContainerStats", sample(CRIStreamContainerStatsRequest.self),
            sample(CRIStreamContainerStatsResponse.self), { try await first($0.streamContainerStats(sample())) }
        ),
        (
            "PodSandboxStats", sample(CRIPodSandboxStatsRequest.self), sample(CRIPodSandboxStatsResponse.self),
            { try await $0.podSandboxStats(sample()) }
        ),
        (
            "ListPodSandboxStats", sample(CRIListPodSandboxStatsRequest.self),
            sample(CRIListPodSandboxStatsResponse.self), { try await $0.listPodSandboxStats(sample()) }
        ),
        (
            "StreamPodSandboxStats", sample(CRIStreamPodSandboxStatsRequest.self),
            sample(CRIStreamPodSandboxStatsResponse.self), { try await first($0.streamPodSandboxStats(sample())) }
        ),
        (
            "UpdateRuntimeConfig", sample(CRIUpdateRuntimeConfigRequest.self),
            sample(CRIUpdateRuntimeConfigResponse.self), { try await $0.updateRuntimeConfig(sample()) }
        ),
        ("Status", sample(CRIStatusRequest.self), sample(CRIStatusResponse.self), { try await $0.status(sample()) }),
        (
            "CheckpointContainer", sample(CRICheckpointContainerRequest.self),
            sample(CRICheckpointContainerResponse.self), { try await $0.checkpointContainer(sample()) }
        ),
        (
            "CheckpointPod", sample(CRICheckpointPodRequest.self), sample(CRICheckpointPodResponse.self),
            { try await $0.checkpointPod(sample()) }
        ),
        (
            "RestorePod", sample(CRIRestorePodRequest.self), sample(CRIRestorePodResponse.self),
            { try await $0.restorePod(sample()) }
        ),
        (
            "GetContainerEvents", sample(CRIGetEventsRequest.self), sample(CRIContainerEventResponse.self),
            { try await first($0.getContainerEvents(sample())) }
        ),
        (
            "ListMetricDescriptors", sample(CRIListMetricDescriptorsRequest.self),
            sample(CRIListMetricDescriptorsResponse.self), { try await $0.listMetricDescriptors(sample()) }
        ),
        (
            "ListPodSandboxMetrics", sample(CRIListPodSandboxMetricsRequest.self),
            sample(CRIListPodSandboxMetricsResponse.self), { try await $0.listPodSandboxMetrics(sample()) }
        ),
        (
            "StreamPodSandboxMetrics", sample(CRIStreamPodSandboxMetricsRequest.self),
            sample(CRIStreamPodSandboxMetricsResponse.self), { try await first($0.streamPodSandboxMetrics(sample())) }
        ),
        (
            "RuntimeConfig", sample(CRIRuntimeConfigRequest.self), sample(CRIRuntimeConfigResponse.self),
            { try await $0.runtimeConfig(sample()) }
        ),
        (
            "UpdatePodSandboxResources", sample(CRIUpdatePodSandboxResourcesRequest.self),
            sample(CRIUpdatePodSandboxResourcesResponse.self), { try await $0.updatePodSandboxResources(sample()) }
        ),
        (
            "ListImages", sample(CRIListImagesRequest.self), sample(CRIListImagesResponse.self),
            { try await $0.listImages(sample()) }
        ),
        (
            "StreamImages", sample(CRIStreamImagesRequest.self), sample(CRIStreamImagesResponse.self),
            { try await first($0.streamImages(sample())) }
        ),
        (
            "ImageStatus", sample(CRIImageStatusRequest.self), sample(CRIImageStatusResponse.self),
            { try await $0.imageStatus(sample()) }
        ),
        (
            "PullImage", sample(CRIPullImageRequest.self), sample(CRIPullImageResponse.self),
            { try await $0.pullImage(sample()) }
        ),
        (
            "RemoveImage", sample(CRIRemoveImageRequest.self), sample(CRIRemoveImageResponse.self),
            { try await $0.removeImage(sample()) }
        ),
        (
            "ImageFsInfo", sample(CRIImageFsInfoRequest.self), sample(CRIImageFsInfoResponse.self),
            { try await $0.imageFsInfo(sample()) }
        ),
    ]

    @Test func everyMethod() async throws {
        try await Daemon.with { daemon in
            for (name, request, response, call) in Self.cases {
                daemon.service.answers.withLock { $0[name] = response }
                let answer = try await call(daemon.client)
                #expect(answer.isEqualTo(message: response), "\(name)")
                let last = daemon.service.calls.withLock { $0.last }
                #expect(last?.name == name)
                #expect(last?.request.isEqualTo(message: request) == true, "\(name)")
            }
        }
    }

    @Test func everyMethodIsInATable() {
        let names = RuntimeRPC.all.map(\.name) + ImageRPC.all.map(\.name)
        #expect(names == Self.cases.map(\.name))
    }
}

private func first<M: Message>(_ stream: AsyncThrowingStream<M, any Error>) async throws -> M {
    var all: [M] = []
    for try await element in stream { all.append(element) }
    #expect(all.count == 1)
    return all.first ?? M()
}

/// A message with something in its first fields, whatever they are: the binary form of numbers and texts in turn.
private func sample<M: Message>(_ type: M.Type = M.self) -> M {
    for number in UInt8(1)...3 {
        let text: [UInt8] = [number << 3 | 2, 3, 0x61, 0xc3, 0xa9]
        let whole: [UInt8] = [number << 3, 1]
        for bytes in [text, whole] {
            if let message = try? M(serializedBytes: bytes), !message.isEqualTo(message: M()),
                message.unknownFields.data.isEmpty
            {
                return message
            }
        }
    }
    return M()
}
