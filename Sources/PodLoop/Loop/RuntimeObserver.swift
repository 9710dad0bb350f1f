import CRI
import Errors
import KubeAPI

/// Reads the runtime's state in the loop's own terms.
struct RuntimeObserver: Sendable {
    let runtime: any RuntimeService & ImageService

    /// All of one pod.
    func observe(uid: String) async throws -> ObservedPod {
        var sandboxes: [ObservedSandbox] = []
        var request = CRIListPodSandboxRequest()
        request.filter.labelSelector = [Label.podUID: uid]
        for sandbox in try await runtime.listPodSandbox(request).items {
            if let seen = try await self.sandbox(sandbox.id) { sandboxes.append(seen) }
        }
        var containers: [ObservedContainer] = []
        var listing = CRIListContainersRequest()
        listing.filter.labelSelector = [Label.podUID: uid]
        for container in try await runtime.listContainers(listing).containers {
            let sandbox = container.podSandboxID
            if let seen = try await self.container(container.id, sandbox: sandbox) { containers.append(seen) }
        }
        return ObservedPod(sandboxes: sandboxes, containers: containers)
    }

    /// Every pod the runtime has, with a text that differs whenever its state does.
    func list() async throws -> [PodReference: String] {
        var pods: [PodReference: [String]] = [:]
        for sandbox in try await runtime.listPodSandbox(CRIListPodSandboxRequest()).items {
            guard let pod = reference(sandbox.labels) else { continue }
            pods[pod, default: []].append("\(sandbox.id) \(sandbox.state.rawValue)")
        }
        for container in try await runtime.listContainers(CRIListContainersRequest()).containers {
            guard let pod = reference(container.labels) else { continue }
            pods[pod, default: []].append("\(container.id) \(container.state.rawValue)")
        }
        return pods.mapValues { $0.sorted().joined(separator: "\n") }
    }

    /// Nil for a sandbox or container that is nobody's pod: another client's.
    func reference(_ labels: [String: String]) -> PodReference? {
        guard let uid = labels[Label.podUID], let name = labels[Label.podName],
            let namespace = labels[Label.podNamespace]
        else { return nil }
        return PodReference(namespace: namespace, name: name, uid: uid)
    }

    /// Nil when it is gone since it was listed.
    private func sandbox(_ id: String) async throws -> ObservedSandbox? {
        var request = CRIPodSandboxStatusRequest()
        request.podSandboxID = id
        do {
            let status = try await runtime.podSandboxStatus(request).status
            let addresses = [status.network.ip] + status.network.additionalIps.map(\.ip)
            return ObservedSandbox(
                id: status.id, attempt: status.metadata.attempt, isReady: status.state == .sandboxReady,
                createdAt: Timestamp(nanosecondsSince1970: status.createdAt),
                addresses: addresses.filter { !$0.isEmpty },
                usesHostNetwork: status.linux.namespaces.options.network == .node)
        } catch let error as SwiftletError where error.code == .notFound { return nil }
    }

    private func container(_ id: String, sandbox: String) async throws -> ObservedContainer? {
        var request = CRIContainerStatusRequest()
        request.containerID = id
        do {
            let status = try await runtime.containerStatus(request).status
            var seen = ObservedContainer(
                id: status.id, name: status.metadata.name, attempt: status.metadata.attempt, sandboxID: sandbox,
                state: state(status), createdAt: Timestamp(nanosecondsSince1970: status.createdAt),
                image: status.image.userSpecifiedImage.isEmpty ? status.image.image : status.image.userSpecifiedImage,
                imageID: status.imageRef.isEmpty ? status.imageID : status.imageRef,
                fallsBackToLog: status.annotations[Annotation.terminationMessagePolicy]
                    == TerminationMessagePolicy.fallbackToLogsOnError.rawValue,
                definitionHash: status.annotations[Annotation.containerHash] ?? "")
            if status.resources.hasLinux { seen.resources = CgroupValues(status.resources.linux) }
            return seen
        } catch let error as SwiftletError where error.code == .notFound { return nil }
    }

    private func state(_ status: CRIContainerStatus) -> ObservedContainer.State {
        switch status.state {
        case .containerCreated: return .created
        case .containerRunning: return .running(startedAt: Timestamp(nanosecondsSince1970: status.startedAt))
        case .containerExited:
            return .exited(
                ContainerExit(
                    code: status.exitCode, reason: status.reason, message: status.message,
                    startedAt: status.startedAt > 0 ? Timestamp(nanosecondsSince1970: status.startedAt) : nil,
                    finishedAt: Timestamp(
                        nanosecondsSince1970: status.finishedAt > 0 ? status.finishedAt : status.createdAt)))
        case .containerUnknown, .UNRECOGNIZED: return .unknown
        }
    }
}
