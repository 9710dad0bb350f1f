import CRI
import Errors
import Streaming
import Synchronization

/// A runtime of which a test says what containers there are.
final class FakeRuntime: RuntimeService, ImageService {
    struct State {
        var containers: [String: CRIContainerStatus] = [:]
        var stats: [CRIPodSandboxStats] = []
        var listeners: [AsyncThrowingStream<CRIContainerEventResponse, any Error>.Continuation] = []
        var execs: [CRIExecRequest] = []
        var execURL: String?
    }

    let state = Mutex(State())

    func add(container id: String, logPath: String = "", running: Bool = true) {
        state.withLock {
            $0.containers[id] = .with {
                $0.id = id
                $0.logPath = logPath
                $0.state = running ? .containerRunning : .containerExited
            }
        }
    }

    func stop(_ id: String) {
        let listeners = state.withLock { state in
            state.containers[id]?.state = .containerExited
            return state.listeners
        }
        for listener in listeners {
            listener.yield(
                .with {
                    $0.containerID = id
                    $0.containerEventType = .containerStoppedEvent
                })
        }
    }

    private func unused(_ name: String = #function) -> SwiftletError {
        SwiftletError(.unimplemented, "not in this test", object: name)
    }

    func containerStatus(_ request: CRIContainerStatusRequest) async throws -> CRIContainerStatusResponse {
        guard let status = state.withLock({ $0.containers[request.containerID] }) else {
            throw SwiftletError.notFound("container", request.containerID)
        }
        return .with { $0.status = status }
    }

    func getContainerEvents(_ request: CRIGetEventsRequest) -> AsyncThrowingStream<CRIContainerEventResponse, any Error>
    {
        AsyncThrowingStream { continuation in state.withLock { $0.listeners.append(continuation) } }
    }

    func listPodSandboxStats(_ request: CRIListPodSandboxStatsRequest) async throws -> CRIListPodSandboxStatsResponse {
        .with { $0.stats = state.withLock { $0.stats } }
    }

    func exec(_ request: CRIExecRequest) async throws -> CRIExecResponse {
        let url = state.withLock { state in
            state.execs.append(request)
            return state.execURL
        }
        guard let url else { throw SwiftletError.notFound("container", request.containerID) }
        return .with { $0.url = url }
    }

    func attach(_ request: CRIAttachRequest) async throws -> CRIAttachResponse {
        guard let url = state.withLock({ $0.execURL }) else {
            throw SwiftletError.notFound("container", request.containerID)
        }
        return .with { $0.url = url }
    }

    func version(_ request: CRIVersionRequest) async throws -> CRIVersionResponse { throw unused() }
    func runPodSandbox(_ request: CRIRunPodSandboxRequest) async throws -> CRIRunPodSandboxResponse { throw unused() }
    func stopPodSandbox(_ request: CRIStopPodSandboxRequest) async throws -> CRIStopPodSandboxResponse {
        throw unused()
    }
    func removePodSandbox(_ request: CRIRemovePodSandboxRequest) async throws -> CRIRemovePodSandboxResponse {
        throw unused()
    }
    func podSandboxStatus(_ request: CRIPodSandboxStatusRequest) async throws -> CRIPodSandboxStatusResponse {
        throw unused()
    }
    func listPodSandbox(_ request: CRIListPodSandboxRequest) async throws -> CRIListPodSandboxResponse {
        throw unused()
    }
    func createContainer(_ request: CRICreateContainerRequest) async throws -> CRICreateContainerResponse {
        throw unused()
    }
    func startContainer(_ request: CRIStartContainerRequest) async throws -> CRIStartContainerResponse {
        throw unused()
    }
    func stopContainer(_ request: CRIStopContainerRequest) async throws -> CRIStopContainerResponse { throw unused() }
    func removeContainer(_ request: CRIRemoveContainerRequest) async throws -> CRIRemoveContainerResponse {
        throw unused()
    }
    func listContainers(_ request: CRIListContainersRequest) async throws -> CRIListContainersResponse {
        throw unused()
    }
    func updateContainerResources(_ request: CRIUpdateContainerResourcesRequest) async throws
        -> CRIUpdateContainerResourcesResponse
    { throw unused() }
    func reopenContainerLog(_ request: CRIReopenContainerLogRequest) async throws -> CRIReopenContainerLogResponse {
        throw unused()
    }
    func execSync(_ request: CRIExecSyncRequest) async throws -> CRIExecSyncResponse { throw unused() }
    func portForward(_ request: CRIPortForwardRequest) async throws -> CRIPortForwardResponse { throw unused() }
    func containerStats(_ request: CRIContainerStatsRequest) async throws -> CRIContainerStatsResponse {
        throw unused()
    }
    func listContainerStats(_ request: CRIListContainerStatsRequest) async throws -> CRIListContainerStatsResponse {
        throw unused()
    }
    func podSandboxStats(_ request: CRIPodSandboxStatsRequest) async throws -> CRIPodSandboxStatsResponse {
        throw unused()
    }
    func updateRuntimeConfig(_ request: CRIUpdateRuntimeConfigRequest) async throws -> CRIUpdateRuntimeConfigResponse {
        throw unused()
    }
    func status(_ request: CRIStatusRequest) async throws -> CRIStatusResponse { throw unused() }
    func runtimeConfig(_ request: CRIRuntimeConfigRequest) async throws -> CRIRuntimeConfigResponse { throw unused() }
    func updatePodSandboxResources(_ request: CRIUpdatePodSandboxResourcesRequest) async throws
        -> CRIUpdatePodSandboxResourcesResponse
    { throw unused() }
    func listImages(_ request: CRIListImagesRequest) async throws -> CRIListImagesResponse { throw unused() }
    func imageStatus(_ request: CRIImageStatusRequest) async throws -> CRIImageStatusResponse { throw unused() }
    func pullImage(_ request: CRIPullImageRequest) async throws -> CRIPullImageResponse { throw unused() }
    func removeImage(_ request: CRIRemoveImageRequest) async throws -> CRIRemoveImageResponse { throw unused() }
    func imageFsInfo(_ request: CRIImageFsInfoRequest) async throws -> CRIImageFsInfoResponse { throw unused() }
}
