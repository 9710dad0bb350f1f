import Errors
import JSON
import KubeAPI
import Logging

/// The API as the control loop of this process sees it: the same objects, without HTTP.
public struct Cluster: ClusterAPI {
    let objects: Objects
    let events: EventRecorder
    let logger: Logger

    /// One error type for callers inside the process.
    func answering<T>(_ body: () async throws -> T) async throws -> T {
        do { return try await body() } catch let failure as APIFailure { throw failure.asSwiftletError() }
    }

    private func key(_ pod: PodReference) -> ObjectKey {
        ObjectKey(resource: .pods, namespace: pod.namespace, name: pod.name)
    }

    public func watchPods() -> AsyncThrowingStream<PodChange, any Error> {
        let (stream, continuation) = AsyncThrowingStream<PodChange, any Error>.makeStream()
        let task = Task {
            do {
                while !Task.isCancelled { try await follow(continuation) }
                continuation.finish()
            } catch {
                continuation.finish(throwing: APIFailure(error).asSwiftletError())
            }
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    /// A snapshot and what follows it, until the changes come too fast for the reader and it starts anew.
    private func follow(_ continuation: AsyncThrowingStream<PodChange, any Error>.Continuation) async throws {
        let (all, version) = try await objects.store.snapshot(.pods, namespace: nil)
        let changes = try objects.store.hub.changes(after: version)
        continuation.yield(.all(all.compactMap(typed)))
        do {
            for try await change in changes where change.key.resource == .pods {
                guard let pod = typed(change.object) else { continue }
                continuation.yield(change.kind == .deleted ? .removed(pod) : .changed(pod))
            }
        } catch let failure as APIFailure where failure.status.reason == "Expired" {
            return
        }
        try Task.checkCancellation()
        throw SwiftletError(.unavailable, "the API server is stopping")
    }

    public func watchSources() -> AsyncThrowingStream<SourceChange, any Error> {
        let (stream, continuation) = AsyncThrowingStream<SourceChange, any Error>.makeStream()
        let task = Task {
            do {
                while !Task.isCancelled { try await followSources(continuation) }
                continuation.finish()
            } catch {
                continuation.finish(throwing: APIFailure(error).asSwiftletError())
            }
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    /// A stored pod always reads; one that does not was written by another version and is named, not dropped in silence.
    private func typed(_ object: JSONValue) -> Pod? {
        do { return try Pod(object) } catch {
            logger.error(
                "unreadable pod in the store", metadata: ["pod": "\(printable(object.name))", "error": "\(error)"])
            return nil
        }
    }

    public func pod(_ reference: PodReference) async throws -> Pod {
        try await answering {
            let object = try await objects.get(key(reference))
            guard object.uid == reference.uid else { throw APIFailure.notFound(key(reference)) }
            return try Pod(object)
        }
    }

    public func updateStatus(_ status: PodStatus, of pod: PodReference) async throws -> Pod {
        try await answering {
            let key = key(pod)
            let written = try await objects.store.write { transaction in
                guard let old = try transaction.get(key), old.uid == pod.uid else { throw APIFailure.notFound(key) }
                var new = old
                new["status"] = Schema.normalized(["status": status.json], kind: "Pod")["status"] ?? [:]
                if new["status"]?["qosClass"] == nil { new["status"]?["qosClass"] = old["status"]?["qosClass"] }
                return new == old ? old : try transaction.save(key, new, previous: old)
            }
            return try Pod(written)
        }
    }

    public func createPod(_ manifest: JSONValue) async throws -> Pod {
        try await answering {
            let namespace = manifest["metadata"]?["namespace"]?.string ?? "default"
            let options = WriteOptions(unknownFields: .strict, keepsUID: true)
            let written = try await objects.create(.pods, namespace: namespace, manifest, options)
            for warning in written.warnings {
                logger.warning(
                    "pod manifest", metadata: ["pod": "\(namespace)/\(written.object.name)", "warning": "\(warning)"])
            }
            return try Pod(written.object)
        }
    }

    public func deletePod(_ pod: PodReference, gracePeriodSeconds: Int64?) async throws {
        let options = DeleteOptions(gracePeriodSeconds: gracePeriodSeconds, uid: pod.uid)
        _ = try await answering { try await objects.delete(key(pod), options) }
    }

    public func removePod(_ pod: PodReference) async throws {
        do {
            _ = try await objects.delete(key(pod), DeleteOptions(gracePeriodSeconds: 0, uid: pod.uid))
        } catch let failure as APIFailure {
            // Gone, or its name is another pod's by now: either way this one is no more.
            guard failure.code == 404 || failure.code == 409 else { throw failure.asSwiftletError() }
        }
    }

    public func record(_ event: EventRecord) async throws {
        try await answering { try await events.record(event) }
    }

    public func register(_ node: Node) async throws {
        try await answering {
            let key = ObjectKey(resource: .nodes, namespace: "", name: node.metadata.name ?? objects.nodeName)
            let (uid, now) = (Identifiers.uid(), objects.now())
            try await objects.store.write { transaction in
                let old = try transaction.get(key)
                var new = old ?? ["apiVersion": "v1", "kind": "Node", "spec": [:]]
                var metadata = new.metadata
                metadata["name"] = .string(key.name)
                if old == nil {
                    metadata["uid"] = .string(uid)
                    metadata["creationTimestamp"] = .string(now.rfc3339)
                }
                let labels = node.metadata.labels.mapValues { JSONValue.string($0) }
                metadata["labels"] = .object((metadata["labels"]?.object ?? [:]).merging(labels) { _, new in new })
                new["metadata"] = metadata
                new["status"] = node.status?.json ?? [:]
                if new != old { try transaction.save(key, new, previous: old) }
            }
        }
    }

    public func nodeLabels(_ node: String) async throws -> [String: String] {
        try await answering {
            do {
                return try await objects.get(ObjectKey(resource: .nodes, namespace: "", name: node)).labels
            } catch let failure as APIFailure where failure.code == 404 { return [:] }
        }
    }

    public func updateNodeStatus(_ status: NodeStatus, node: String) async throws {
        try await answering {
            let key = ObjectKey(resource: .nodes, namespace: "", name: node)
            try await objects.store.write { transaction in
                guard let old = try transaction.get(key) else { throw APIFailure.notFound(key) }
                var new = old
                new["status"] = status.json
                if new != old { try transaction.save(key, new, previous: old) }
            }
        }
    }
}
