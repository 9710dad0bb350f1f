import Errors
import JSON
import KubeAPI

/// ConfigMaps, Secrets and claims for the control loop.
extension Cluster {
    private static let resources: [SourceReference.Kind: Resource] = [
        .configMap: .configMaps, .secret: .secrets, .claim: .claims,
    ]

    private func key(_ reference: SourceReference) -> ObjectKey? {
        Self.resources[reference.kind].map {
            ObjectKey(resource: $0, namespace: reference.namespace, name: reference.name)
        }
    }

    /// Until the changes come too fast for the reader and it starts anew.
    func followSources(_ continuation: AsyncThrowingStream<SourceChange, any Error>.Continuation) async throws {
        let version = try await objects.store.read { try $0.version() }
        let changes = try objects.store.hub.changes(after: version)
        continuation.yield(.all)
        do {
            for try await change in changes {
                guard let kind = SourceReference.Kind(rawValue: change.key.resource.kind) else { continue }
                continuation.yield(
                    .one(SourceReference(kind, namespace: change.key.namespace, name: change.key.name)))
            }
        } catch let failure as APIFailure where failure.status.reason == "Expired" {
            return
        }
        try Task.checkCancellation()
        throw SwiftletError(.unavailable, "the API server is stopping")
    }

    public func source(_ reference: SourceReference) async throws -> JSONValue? {
        guard let key = key(reference) else { return nil }
        return try await answering { try await objects.store.read { try $0.get(key) } }
    }

    public func sources(_ kind: SourceReference.Kind) async throws -> [JSONValue] {
        guard let resource = Self.resources[kind] else { return [] }
        return try await answering { try await objects.store.read { try $0.list(resource, namespace: nil) } }
    }

    public func putSource(_ manifest: JSONValue) async throws {
        try await answering {
            guard let kind = SourceReference.Kind(rawValue: manifest["kind"]?.string ?? ""),
                let resource = Self.resources[kind]
            else { throw APIFailure.badRequest("no ConfigMap, Secret or PersistentVolumeClaim") }
            let namespace = manifest.metadata["namespace"]?.string ?? "default"
            let key = ObjectKey(resource: resource, namespace: namespace, name: manifest.name)
            let options = WriteOptions(unknownFields: .strict)
            do { _ = try await objects.replace(key, with: manifest, options) } catch let failure as APIFailure {
                switch failure.code {
                case 404: break
                // What is immutable is made anew.
                case 422: _ = try await objects.delete(key, DeleteOptions())
                default: throw failure
                }
                _ = try await objects.create(resource, namespace: namespace, manifest, options)
            }
        }
    }

    public func removeSource(_ reference: SourceReference, uid: String) async throws {
        guard let key = key(reference) else { return }
        try await answering {
            try await objects.store.write { transaction in
                guard let object = try transaction.get(key), object.uid == uid else { return }
                try transaction.remove(key, previous: object)
                try Objects.finishNamespace(key.namespace, in: &transaction)
            }
        }
    }
}
