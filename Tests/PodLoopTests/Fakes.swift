import CRI
import Errors
import JSON
import KubeAPI
import Synchronization

@testable import PodLoop

/// A runtime in memory: sandboxes and containers that do what the tests tell them.
final class FakeRuntime: RuntimeService, ImageService {
    struct State {
        var sandboxes: [String: CRIPodSandboxStatus] = [:]
        var containers: [String: (sandbox: String, status: CRIContainerStatus)] = [:]
        var images: Set<String> = ["busybox:1"]
        var calls: [String] = []
        var count = 0
        var time: Int64 = 1_800_000_000_000_000_000
        /// Names of containers that end with this code as soon as they start.
        var exits: [String: Int32] = [:]
        /// How often the sandboxes of a pod were listed, by uid.
        var looks: [String: Int] = [:]
        /// Of every container.
        var memoryInUse: UInt64 = 0
        /// Exit codes of commands by their first word; all others succeed. A command `hang` never ends.
        var commands: [String: Int32] = [:]
        /// Working sets in bytes, by uid.
        var memory: [String: UInt64] = [:]
        /// Names of images that no collection may take.
        var pinned: Set<String> = []
        /// A log cannot be opened anew.
        var refusesLogs = false
        var listeners: [AsyncThrowingStream<CRIContainerEventResponse, any Error>.Continuation] = []

        mutating func tick() -> Int64 {
            time += 1_000_000
            return time
        }
    }

    let state = Mutex(State())

    var calls: [String] { state.withLock { $0.calls } }

    func looks(at uid: String) -> Int { state.withLock { $0.looks[uid] ?? 0 } }

    func runPodSandbox(_ request: CRIRunPodSandboxRequest) async throws -> CRIRunPodSandboxResponse {
        state.withLock { state in
            state.count += 1
            var status = CRIPodSandboxStatus()
            status.id = "s\(state.count)"
            status.metadata = request.config.metadata
            status.labels = request.config.labels
            status.createdAt = state.tick()
            status.linux.namespaces.options = request.config.linux.securityContext.namespaceOptions
            state.sandboxes[status.id] = status
            state.calls.append("RunPodSandbox \(status.metadata.name) \(status.metadata.attempt)")
            announce(&state, status.id, status)
            var response = CRIRunPodSandboxResponse()
            response.podSandboxID = status.id
            return response
        }
    }

    func stopPodSandbox(_ request: CRIStopPodSandboxRequest) async throws -> CRIStopPodSandboxResponse {
        state.withLock { state in
            state.calls.append("StopPodSandbox")
            state.sandboxes[request.podSandboxID]?.state = .sandboxNotready
            for (id, container) in state.containers where container.sandbox == request.podSandboxID {
                end(&state, id, 137)
            }
        }
        return CRIStopPodSandboxResponse()
    }

    func removePodSandbox(_ request: CRIRemovePodSandboxRequest) async throws -> CRIRemovePodSandboxResponse {
        state.withLock { state in
            state.calls.append("RemovePodSandbox")
            state.sandboxes[request.podSandboxID] = nil
            state.containers = state.containers.filter { $0.value.sandbox != request.podSandboxID }
        }
        return CRIRemovePodSandboxResponse()
    }

    func podSandboxStatus(_ request: CRIPodSandboxStatusRequest) async throws -> CRIPodSandboxStatusResponse {
        guard let status = state.withLock({ $0.sandboxes[request.podSandboxID] }) else {
            throw SwiftletError.notFound("sandbox", request.podSandboxID)
        }
        var response = CRIPodSandboxStatusResponse()
        response.status = status
        return response
    }

    func listPodSandbox(_ request: CRIListPodSandboxRequest) async throws -> CRIListPodSandboxResponse {
        var response = CRIListPodSandboxResponse()
        response.items = state.withLock { state in
            if let uid = request.filter.labelSelector[Label.podUID] { state.looks[uid, default: 0] += 1 }
            return state.sandboxes.values.filter { matches($0.labels, request.filter.labelSelector) }.map { status in
                var item = CRIPodSandbox()
                item.id = status.id
                item.state = status.state
                item.labels = status.labels
                return item
            }
        }
        return response
    }

    func createContainer(_ request: CRICreateContainerRequest) async throws -> CRICreateContainerResponse {
        state.withLock { state in
            state.count += 1
            var status = CRIContainerStatus()
            status.id = "c\(state.count)"
            status.metadata = request.config.metadata
            status.labels = request.config.labels
            status.annotations = request.config.annotations
            status.image.image = request.config.image.userSpecifiedImage
            status.resources.linux = request.config.linux.resources
            status.createdAt = state.tick()
            state.containers[status.id] = (request.podSandboxID, status)
            state.calls.append("CreateContainer \(status.metadata.name) \(status.metadata.attempt)")
            var response = CRICreateContainerResponse()
            response.containerID = status.id
            return response
        }
    }

    func startContainer(_ request: CRIStartContainerRequest) async throws -> CRIStartContainerResponse {
        state.withLock { state in
            let time = state.tick()
            state.containers[request.containerID]?.status.state = .containerRunning
            state.containers[request.containerID]?.status.startedAt = time
            let name = state.containers[request.containerID]?.status.metadata.name ?? ""
            if let code = state.exits[name] { end(&state, request.containerID, code) }
        }
        return CRIStartContainerResponse()
    }

    func stopContainer(_ request: CRIStopContainerRequest) async throws -> CRIStopContainerResponse {
        state.withLock { state in
            let name = state.containers[request.containerID]?.status.metadata.name ?? ""
            state.calls.append("StopContainer \(name) \(request.timeout)")
            end(&state, request.containerID, 143)
        }
        return CRIStopContainerResponse()
    }

    func removeContainer(_ request: CRIRemoveContainerRequest) async throws -> CRIRemoveContainerResponse {
        state.withLock { $0.containers[request.containerID] = nil }
        return CRIRemoveContainerResponse()
    }

    func listContainers(_ request: CRIListContainersRequest) async throws -> CRIListContainersResponse {
        var response = CRIListContainersResponse()
        response.containers = state.withLock { state in
            state.containers.values.filter { matches($0.status.labels, request.filter.labelSelector) }.map { entry in
                var item = CRIContainer()
                item.id = entry.status.id
                item.podSandboxID = entry.sandbox
                item.metadata = entry.status.metadata
                item.image = entry.status.image
                item.state = entry.status.state
                item.labels = entry.status.labels
                return item
            }
        }
        return response
    }

    func containerStatus(_ request: CRIContainerStatusRequest) async throws -> CRIContainerStatusResponse {
        guard let entry = state.withLock({ $0.containers[request.containerID] }) else {
            throw SwiftletError.notFound("container", request.containerID)
        }
        var response = CRIContainerStatusResponse()
        response.status = entry.status
        return response
    }

    func getContainerEvents(
        _ request: CRIGetEventsRequest
    ) -> AsyncThrowingStream<CRIContainerEventResponse, any Error> {
        let (stream, continuation) = AsyncThrowingStream<CRIContainerEventResponse, any Error>.makeStream()
        state.withLock { $0.listeners.append(continuation) }
        return stream
    }

    func imageStatus(_ request: CRIImageStatusRequest) async throws -> CRIImageStatusResponse {
        var response = CRIImageStatusResponse()
        if state.withLock({ $0.images.contains(request.image.image) }) {
            response.image.id = "sha256:\(request.image.image)"
            response.image.repoTags = [request.image.image]
        }
        return response
    }

    /// The process of a container ends by itself.
    func exit(_ name: String, _ code: Int32) {
        state.withLock { state in
            for (id, container) in state.containers where container.status.metadata.name == name {
                end(&state, id, code)
            }
        }
    }

    private func end(_ state: inout State, _ id: String, _ code: Int32) {
        guard state.containers[id]?.status.state == .containerRunning else { return }
        let time = state.tick()
        state.containers[id]?.status.state = .containerExited
        state.containers[id]?.status.exitCode = code
        state.containers[id]?.status.finishedAt = time
        state.containers[id]?.status.reason = code == 0 ? "Completed" : "Error"
        guard let sandbox = state.containers[id]?.sandbox, let status = state.sandboxes[sandbox] else { return }
        announce(&state, id, status)
    }

    private func announce(_ state: inout State, _ id: String, _ sandbox: CRIPodSandboxStatus) {
        var event = CRIContainerEventResponse()
        event.containerID = id
        event.podSandboxStatus = sandbox
        for listener in state.listeners { listener.yield(event) }
    }

    private func matches(_ labels: [String: String], _ selector: [String: String]) -> Bool {
        selector.allSatisfy { labels[$0.key] == $0.value }
    }

    // What the loop does not ask, or only for the node's status.

    private func absent(_ rpc: String) -> SwiftletError {
        SwiftletError(.unimplemented, "not in this fake", object: rpc)
    }

    func version(_: CRIVersionRequest) async throws -> CRIVersionResponse { CRIVersionResponse() }
    func status(_: CRIStatusRequest) async throws -> CRIStatusResponse { throw absent("Status") }
    func updateContainerResources(
        _ request: CRIUpdateContainerResourcesRequest
    ) async throws -> CRIUpdateContainerResourcesResponse {
        state.withLock { state in
            let name = state.containers[request.containerID]?.status.metadata.name ?? ""
            state.calls.append("UpdateContainerResources \(name) \(request.linux.cpuShares)")
            state.containers[request.containerID]?.status.resources.linux = request.linux
        }
        return CRIUpdateContainerResourcesResponse()
    }
    func reopenContainerLog(_ request: CRIReopenContainerLogRequest) async throws -> CRIReopenContainerLogResponse {
        try state.withLock { state in
            let name = state.containers[request.containerID]?.status.metadata.name ?? ""
            state.calls.append("ReopenContainerLog \(name)")
            if state.refusesLogs { throw SwiftletError(.failedPrecondition, "it does not run", object: name) }
        }
        return CRIReopenContainerLogResponse()
    }
    func execSync(_ request: CRIExecSyncRequest) async throws -> CRIExecSyncResponse {
        let command = request.cmd.first ?? ""
        var response = CRIExecSyncResponse()
        response.exitCode = state.withLock { state in
            let name = state.containers[request.containerID]?.status.metadata.name ?? ""
            state.calls.append("ExecSync \(name) \(request.cmd.joined(separator: " ")) \(request.timeout)")
            return state.commands[command] ?? 0
        }
        if response.exitCode != 0 { response.stderr.append(contentsOf: Array("no\n".utf8)) }
        if command == "hang" { try await Task.sleep(for: .seconds(600)) }
        return response
    }
    func exec(_: CRIExecRequest) async throws -> CRIExecResponse { throw absent("Exec") }
    func attach(_: CRIAttachRequest) async throws -> CRIAttachResponse { throw absent("Attach") }
    func portForward(_: CRIPortForwardRequest) async throws -> CRIPortForwardResponse { throw absent("PortForward") }
    func containerStats(_ request: CRIContainerStatsRequest) async throws -> CRIContainerStatsResponse {
        let used = state.withLock { $0.memoryInUse }
        return .with { $0.stats.memory.usageBytes.value = used }
    }
    func listContainerStats(_: CRIListContainerStatsRequest) async throws -> CRIListContainerStatsResponse {
        throw absent("ListContainerStats")
    }
    func podSandboxStats(_: CRIPodSandboxStatsRequest) async throws -> CRIPodSandboxStatsResponse {
        throw absent("PodSandboxStats")
    }
    func listPodSandboxStats(_: CRIListPodSandboxStatsRequest) async throws -> CRIListPodSandboxStatsResponse {
        var response = CRIListPodSandboxStatsResponse()
        response.stats = state.withLock { state in
            state.sandboxes.values.map { sandbox in
                var stats = CRIPodSandboxStats()
                stats.attributes.labels = sandbox.labels
                stats.linux.memory.workingSetBytes.value = state.memory[sandbox.metadata.uid] ?? 0
                return stats
            }
        }
        return response
    }
    func updateRuntimeConfig(_: CRIUpdateRuntimeConfigRequest) async throws -> CRIUpdateRuntimeConfigResponse {
        CRIUpdateRuntimeConfigResponse()
    }
    func runtimeConfig(_: CRIRuntimeConfigRequest) async throws -> CRIRuntimeConfigResponse {
        CRIRuntimeConfigResponse()
    }
    func updatePodSandboxResources(
        _: CRIUpdatePodSandboxResourcesRequest
    ) async throws -> CRIUpdatePodSandboxResourcesResponse { CRIUpdatePodSandboxResourcesResponse() }
    func listImages(_: CRIListImagesRequest) async throws -> CRIListImagesResponse {
        var response = CRIListImagesResponse()
        response.images = state.withLock { state in
            state.images.map { name in
                var image = CRIImage()
                image.id = "sha256:\(name)"
                image.repoTags = [name]
                image.size = 100
                image.pinned = state.pinned.contains(name)
                return image
            }
        }
        return response
    }
    func pullImage(_: CRIPullImageRequest) async throws -> CRIPullImageResponse { throw absent("PullImage") }
    func removeImage(_ request: CRIRemoveImageRequest) async throws -> CRIRemoveImageResponse {
        state.withLock { state in
            let name = String(request.image.image.dropFirst("sha256:".count))
            state.calls.append("RemoveImage \(name)")
            state.images.remove(name)
        }
        return CRIRemoveImageResponse()
    }
    func imageFsInfo(_: CRIImageFsInfoRequest) async throws -> CRIImageFsInfoResponse { CRIImageFsInfoResponse() }
}

/// The API's store in memory.
final class FakeCluster: ClusterAPI {
    struct State {
        var pods: [String: Pod] = [:]
        var events: [String] = []
        var nodeLabels: [String: String] = [:]
        var watchers: [AsyncThrowingStream<PodChange, any Error>.Continuation] = []
        var sources: [SourceReference: JSONValue] = [:]
        var sourceWatchers: [AsyncThrowingStream<SourceChange, any Error>.Continuation] = []
    }

    let state = Mutex(State())

    var events: [String] { state.withLock { $0.events } }
    func now(_ uid: String) -> Pod? { state.withLock { $0.pods[uid] } }

    func put(_ pod: Pod) {
        change {
            $0.pods[pod.reference.uid] = pod; return .changed(pod)
        }
    }

    private func change(_ body: (inout State) -> PodChange?) {
        state.withLock { state in
            guard let change = body(&state) else { return }
            for watcher in state.watchers { watcher.yield(change) }
        }
    }

    func watchPods() -> AsyncThrowingStream<PodChange, any Error> {
        let (stream, continuation) = AsyncThrowingStream<PodChange, any Error>.makeStream()
        state.withLock { state in
            continuation.yield(.all(Array(state.pods.values)))
            state.watchers.append(continuation)
        }
        return stream
    }

    func pod(_ reference: PodReference) async throws -> Pod {
        guard let pod = now(reference.uid) else { throw SwiftletError.notFound("pod", reference.name) }
        return pod
    }

    func updateStatus(_ status: PodStatus, of pod: PodReference) async throws -> Pod {
        change { state in
            guard var stored = state.pods[pod.uid], stored.status != status else { return nil }
            stored.status = status
            state.pods[pod.uid] = stored
            return .changed(stored)
        }
        return try await self.pod(pod)
    }

    func createPod(_ manifest: JSONValue) async throws -> Pod {
        var pod = try Pod(manifest)
        pod.status = nil
        let name = pod.reference.name
        guard !state.withLock({ $0.pods.values.contains { $0.reference.name == name } }) else {
            throw SwiftletError(.alreadyExists, "exists", object: name)
        }
        put(pod)
        return pod
    }

    func deletePod(_ pod: PodReference, gracePeriodSeconds: Int64?) async throws {
        change { state in
            guard var stored = state.pods[pod.uid] else { return nil }
            stored.metadata.deletionGracePeriodSeconds = gracePeriodSeconds ?? stored.spec.gracePeriodSeconds
            stored.metadata.deletionTimestamp = epoch
            state.pods[pod.uid] = stored
            return .changed(stored)
        }
    }

    func removePod(_ pod: PodReference) async throws {
        change { state in state.pods.removeValue(forKey: pod.uid).map { .removed($0) } }
    }

    func watchSources() -> AsyncThrowingStream<SourceChange, any Error> {
        let (stream, continuation) = AsyncThrowingStream<SourceChange, any Error>.makeStream()
        state.withLock { state in
            continuation.yield(.all)
            state.sourceWatchers.append(continuation)
        }
        return stream
    }

    func source(_ reference: SourceReference) async throws -> JSONValue? { state.withLock { $0.sources[reference] } }

    func sources(_ kind: SourceReference.Kind) async throws -> [JSONValue] {
        state.withLock { state in state.sources.filter { $0.key.kind == kind }.map(\.value) }
    }

    func putSource(_ manifest: JSONValue) async throws { put(source: manifest) }

    func put(source: JSONValue) {
        let reference = SourceReference(
            SourceReference.Kind(rawValue: source["kind"]?.string ?? "") ?? .configMap,
            namespace: source["metadata"]?["namespace"]?.string ?? "default",
            name: source["metadata"]?["name"]?.string ?? "")
        state.withLock { state in
            state.sources[reference] = source
            for watcher in state.sourceWatchers { watcher.yield(.one(reference)) }
        }
    }

    func removeSource(_ reference: SourceReference, uid: String) async throws {
        state.withLock { state in
            state.sources[reference] = nil
            for watcher in state.sourceWatchers { watcher.yield(.one(reference)) }
        }
    }

    func record(_ event: EventRecord) async throws {
        state.withLock { $0.events.append("\(event.reason): \(event.message)") }
    }

    func register(_ node: Node) async throws {}
    func nodeLabels(_ node: String) async throws -> [String: String] { state.withLock { $0.nodeLabels } }
    func updateNodeStatus(_ status: NodeStatus, node: String) async throws {}
}

final class FakeVolumes: VolumeManager {
    struct State {
        var up: Set<String> = []
        /// By pod and volume.
        var files: [String: [String: [VolumeFile]]] = [:]
        var removedClaims: [String] = []
        var failure: SwiftletError?
        var onDisk: [String] = []
        var removed: [String] = []
        var userRanges: [String: String] = [:]
        /// What becomes of a log that is looked at, by container and attempt.
        var logs: [String: MovedLog] = [:]
        var movedBack: [String] = []
        var removedStarts: [String] = []
    }

    let state = Mutex(State())

    func keepUserRange(_ text: String, pod: PodReference) async throws {
        state.withLock { $0.userRanges[pod.uid] = text }
    }
    func userRanges() async throws -> [String: String] { state.withLock { $0.userRanges } }

    func setUp(_ pod: Pod, files: [String: [VolumeFile]]) async throws -> [String: String] {
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            state.up.insert(pod.reference.uid)
            state.files[pod.reference.uid] = files
        }
        return Dictionary(uniqueKeysWithValues: pod.spec.volumes.map { ($0.name, "/v/\($0.name)") })
    }
    func subPath(
        _ path: String, volume: String, hostPath: String, container: String, index: Int, pod: PodReference
    ) async throws -> String { "\(hostPath)/\(path)" }
    func makeLogDirectory(container: String, pod: PodReference) async throws {}
    func writeFile(_ name: String, _ text: String, pod: PodReference) async throws -> String { "/p/\(name)" }
    func makeTerminationLog(container: String, attempt: UInt32, pod: PodReference) async throws -> String { "/p/t" }
    func readTerminationLog(container: String, attempt: UInt32, pod: PodReference) async throws -> String { "bye" }
    func readLogEnd(container: String, attempt: UInt32, pod: PodReference) async throws -> String { "last line" }
    func moveLogAway(
        container: String, attempt: UInt32, pod: PodReference, size: Int64, count: Int, now: Timestamp
    ) async throws -> MovedLog { state.withLock { $0.logs["\(container)/\(attempt)"] ?? .stays } }
    func moveLogBack(_ moved: String, container: String, attempt: UInt32, pod: PodReference) async throws {
        state.withLock { $0.movedBack.append("\(moved) of \(container)/\(attempt)") }
    }
    func removeFiles(container: String, attempt: UInt32, pod: PodReference) async throws {
        state.withLock { $0.removedStarts.append("\(container)/\(attempt)") }
    }
    func nodeHostsFile() async throws -> String { "" }
    func tearDown(_ pod: PodReference) async throws { state.withLock { _ = $0.up.remove(pod.uid) } }
    func removeClaim(namespace: String, name: String) async throws {
        state.withLock { $0.removedClaims.append("\(namespace)/\(name)") }
    }
    func remove(_ pod: PodReference) async throws {
        state.withLock { state in
            state.removed.append(pod.uid)
            state.userRanges[pod.uid] = nil
        }
    }
    func podUIDs() async throws -> [String] { state.withLock { $0.onDisk } }
}
