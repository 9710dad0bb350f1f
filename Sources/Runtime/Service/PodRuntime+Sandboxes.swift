import CRI
import Errors
import LinuxSystem

extension PodRuntime {
    public func runPodSandbox(_ request: CRIRunPodSandboxRequest) async throws -> CRIRunPodSandboxResponse {
        let config = request.config
        let metadata = config.metadata
        let object = printable("\(metadata.namespace)/\(metadata.name)")
        guard request.runtimeHandler.isEmpty else {
            throw SwiftletError.invalid(
                "runtime handler \"\(printable(request.runtimeHandler, limit: 64))\" is unknown",
                object: "sandbox \(object)", hint: "there is one only: leave it empty")
        }
        let key = SandboxKey(metadata)
        // A task of its own: who asked first may go away, others may have joined.
        let creation = pods.creation(of: key) { Task { try await self.build(config, key) } }
        let id: String
        switch creation {
        case .underWay(let task):
            do { id = try await task.value } catch {
                throw SwiftletError.wrapping(error).during("create sandbox", object)
            }
        case .made(let made): id = made
        }
        try checkSame(id, config, object)
        return .with { $0.podSandboxID = id }
    }

    private func build(_ config: CRIPodSandboxConfig, _ key: SandboxKey) async throws -> String {
        do {
            let pod = try await context.threads.run { [self] in
                let built = try SandboxBuilder(context: context, config: config).build()
                let pod = Pod(record: built.record, shim: built.shim, context: context)
                pods.insert(pod)
                do throws(SwiftletError) { try watch(pod, built.takeProcess()) } catch {
                    context.logger.error(
                        "a shim cannot be watched", metadata: ["sandbox": "\(pod.id)", "error": "\(error)"])
                    throw UnwatchedPod(pod: pod, error: error)
                }
                return pod
            }
            await pod.publishNew()
            return pod.id
        } catch let failure as UnwatchedPod {
            // Made but deaf: it goes the way of any other sandbox.
            try await remove(failure.pod)
            throw failure.error
        } catch {
            pods.forget(key)
            throw error
        }
    }

    /// A repeat gets what was made, if that is what it asks for.
    private func checkSame(_ id: String, _ config: CRIPodSandboxConfig, _ object: String) throws(SwiftletError) {
        guard let view = pods.exactly(id)?.view else {
            throw SwiftletError(.aborted, "it was removed meanwhile", operation: "create sandbox", object: object)
        }
        guard view.sandbox.config == config else {
            throw SwiftletError(
                .alreadyExists, "sandbox \(id) has this name, namespace, uid and attempt, with another configuration",
                operation: "create sandbox", object: object, hint: "remove it first, or use the next attempt")
        }
        guard view.isReady else {
            throw SwiftletError(
                .alreadyExists, "sandbox \(id) has this name, namespace, uid and attempt, and is stopped",
                operation: "create sandbox", object: object, hint: "remove it first, or use the next attempt")
        }
    }

    public func stopPodSandbox(_ request: CRIStopPodSandboxRequest) async throws -> CRIStopPodSandboxResponse {
        if let pod = try pods.pod(request.podSandboxID) { try await pod.stop() }
        return CRIStopPodSandboxResponse()
    }

    public func removePodSandbox(_ request: CRIRemovePodSandboxRequest) async throws -> CRIRemovePodSandboxResponse {
        if let pod = try pods.pod(request.podSandboxID) { try await remove(pod) }
        return CRIRemovePodSandboxResponse()
    }

    private func remove(_ pod: Pod) async throws {
        try await pod.removeSandbox()
        pods.remove(pod)
    }

    public func podSandboxStatus(_ request: CRIPodSandboxStatusRequest) async throws -> CRIPodSandboxStatusResponse {
        let view = try pod(request.podSandboxID).view
        return try .with {
            $0.status = view.sandboxStatus
            $0.containersStatuses = view.containers.values.map(\.record.status).sorted { $0.createdAt < $1.createdAt }
            $0.timestamp = wallClockNanoseconds()
            if request.verbose { $0.info = ["info": try Verbose.sandbox(view)] }
        }
    }

    public func listPodSandbox(_ request: CRIListPodSandboxRequest) async throws -> CRIListPodSandboxResponse {
        let filter = request.filter
        let found = pods.all.map(\.view).filter { view in
            (filter.id.isEmpty || PodRegistry.matches(view.sandbox.id, filter.id))
                && (!filter.hasState || filter.state.state == (view.isReady ? .sandboxReady : .sandboxNotready))
                && Labels.match(filter.labelSelector, view.sandbox.config.labels)
        }
        return .with {
            // The newest first.
            $0.items = found.sorted { $0.sandbox.createdAt > $1.sandbox.createdAt }.map(\.sandboxItem)
        }
    }

    public func updatePodSandboxResources(
        _ request: CRIUpdatePodSandboxResourcesRequest
    ) async throws -> CRIUpdatePodSandboxResourcesResponse {
        try await pod(request.podSandboxID).updateSandbox(request.resources)
        return CRIUpdatePodSandboxResourcesResponse()
    }

    /// Errors: `notFound`.
    func pod(_ id: String) throws(SwiftletError) -> Pod {
        guard let pod = try pods.pod(id) else { throw .notFound("sandbox", id) }
        return pod
    }
}

/// A sandbox whose shim the monitor would not take.
private struct UnwatchedPod: Error {
    let pod: Pod
    let error: SwiftletError
}

enum Labels {
    /// Every pair of the selector is among the labels.
    static func match(_ selector: [String: String], _ labels: [String: String]) -> Bool {
        selector.allSatisfy { labels[$0.key] == $0.value }
    }
}

extension Pod {
    /// Tells of a sandbox just made.
    func publishNew() {
        announce(.containerCreatedEvent, id)
        announce(.containerStartedEvent, id)
    }
}
