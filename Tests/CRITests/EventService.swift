import CRI
import Errors

/// A runtime whose events the test sends; of the other methods none is called.
actor EventService {
    private var continuation: AsyncThrowingStream<CRIContainerEventResponse, any Error>.Continuation?
    private var hasEnded = false
    private var changed: [CheckedContinuation<Void, Never>] = []

    nonisolated func getContainerEvents(
        _ request: CRIGetEventsRequest
    ) -> AsyncThrowingStream<CRIContainerEventResponse, any Error> {
        AsyncThrowingStream { continuation in
            continuation.onTermination = { _ in Task { await self.end() } }
            Task { await self.begin(continuation) }
        }
    }

    private func begin(_ new: AsyncThrowingStream<CRIContainerEventResponse, any Error>.Continuation) {
        continuation = new
        notify()
    }

    private func end() {
        hasEnded = true
        notify()
    }

    func send(_ id: String) { continuation?.yield(.with { $0.containerID = id }) }
    func finish(_ error: SwiftletError) { continuation?.finish(throwing: error) }
    func subscribed() async { while continuation == nil { await change() } }
    func ended() async { while !hasEnded { await change() } }

    private func change() async { await withCheckedContinuation { changed.append($0) } }
    private func notify() {
        for waiting in changed { waiting.resume() }
        changed = []
    }
}

extension EventService: RuntimeService {
    func version(_ request: CRIVersionRequest) async throws -> CRIVersionResponse { .init() }
    func runPodSandbox(_ request: CRIRunPodSandboxRequest) async throws -> CRIRunPodSandboxResponse { .init() }
    func stopPodSandbox(_ request: CRIStopPodSandboxRequest) async throws -> CRIStopPodSandboxResponse { .init() }
    func removePodSandbox(_ request: CRIRemovePodSandboxRequest) async throws -> CRIRemovePodSandboxResponse { .init() }
    func podSandboxStatus(_ request: CRIPodSandboxStatusRequest) async throws -> CRIPodSandboxStatusResponse { .init() }
    func listPodSandbox(_ request: CRIListPodSandboxRequest) async throws -> CRIListPodSandboxResponse { .init() }
    func createContainer(_ request: CRICreateContainerRequest) async throws -> CRICreateContainerResponse { .init() }
    func startContainer(_ request: CRIStartContainerRequest) async throws -> CRIStartContainerResponse { .init() }
    func stopContainer(_ request: CRIStopContainerRequest) async throws -> CRIStopContainerResponse { .init() }
    func removeContainer(_ request: CRIRemoveContainerRequest) async throws -> CRIRemoveContainerResponse { .init() }
    func listContainers(_ request: CRIListContainersRequest) async throws -> CRIListContainersResponse { .init() }
    func containerStatus(_ request: CRIContainerStatusRequest) async throws -> CRIContainerStatusResponse { .init() }
    func updateContainerResources(_ request: CRIUpdateContainerResourcesRequest) async throws
        -> CRIUpdateContainerResourcesResponse
    { .init() }
    func reopenContainerLog(_ request: CRIReopenContainerLogRequest) async throws -> CRIReopenContainerLogResponse {
        .init()
    }
    func execSync(_ request: CRIExecSyncRequest) async throws -> CRIExecSyncResponse { .init() }
    func exec(_ request: CRIExecRequest) async throws -> CRIExecResponse { .init() }
    func attach(_ request: CRIAttachRequest) async throws -> CRIAttachResponse { .init() }
    func portForward(_ request: CRIPortForwardRequest) async throws -> CRIPortForwardResponse { .init() }
    func containerStats(_ request: CRIContainerStatsRequest) async throws -> CRIContainerStatsResponse { .init() }
    func listContainerStats(_ request: CRIListContainerStatsRequest) async throws -> CRIListContainerStatsResponse {
        .init()
    }
    func podSandboxStats(_ request: CRIPodSandboxStatsRequest) async throws -> CRIPodSandboxStatsResponse { .init() }
    func listPodSandboxStats(_ request: CRIListPodSandboxStatsRequest) async throws -> CRIListPodSandboxStatsResponse {
        .init()
    }
    func updateRuntimeConfig(_ request: CRIUpdateRuntimeConfigRequest) async throws -> CRIUpdateRuntimeConfigResponse {
        .init()
    }
    func status(_ request: CRIStatusRequest) async throws -> CRIStatusResponse { .init() }
    func runtimeConfig(_ request: CRIRuntimeConfigRequest) async throws -> CRIRuntimeConfigResponse { .init() }
    func updatePodSandboxResources(_ request: CRIUpdatePodSandboxResourcesRequest) async throws
        -> CRIUpdatePodSandboxResourcesResponse
    { .init() }
}
