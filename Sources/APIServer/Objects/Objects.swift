import Errors
import JSON
import KubeAPI

/// The verbs of the API over the store: what each means for the object, whoever asks. Errors are `APIFailure`s.
final class Objects: Sendable {
    let store: ObjectStore
    /// The one node pods are bound to.
    let nodeName: String
    let now: @Sendable () -> Timestamp

    init(store: ObjectStore, nodeName: String, now: @escaping @Sendable () -> Timestamp) {
        self.store = store
        self.nodeName = nodeName
        self.now = now
    }

    static let permanentNamespaces = ["default", "kube-system"]

    /// Makes the namespaces that are always there.
    func bootstrap() async throws {
        for name in Self.permanentNamespaces {
            do {
                _ = try await create(.namespaces, namespace: "", Namespace(name: name).json, WriteOptions())
            } catch let failure as APIFailure
                where failure.status.reason == "AlreadyExists"
            {
                continue
            }
        }
    }

    func get(_ key: ObjectKey) async throws -> JSONValue {
        guard let object = try await store.read({ try $0.get(key) }) else { throw APIFailure.notFound(key) }
        return object
    }

    // MARK: - Create

    func create(
        _ resource: Resource, namespace: String, _ object: JSONValue, _ options: WriteOptions
    ) async throws -> Written {
        var object = try Self.addressed(object, resource, namespace: namespace)
        // What the server alone may say.
        let uid = options.keepsUID && !object.uid.isEmpty ? object.uid : Identifiers.uid()
        for field in [
            "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation",
            "managedFields",
        ] {
            object["metadata"]?[field] = Optional.none
        }
        if resource != .events { object["status"] = Optional.none }
        if !object.resourceVersion.isEmpty {
            throw APIFailure.badRequest("resourceVersion should not be set on objects to be created")
        }
        let admission = Admission(object, kind: resource.kind, unknownFields: options.unknownFields)
        guard let admitted = admission.object else {
            throw APIFailure.refused(resource.kind, object.name, admission.faults)
        }
        let complete = newborn(admitted, resource, uid: uid)
        let stored = try await store.write(dryRun: options.dryRun) { transaction in
            try Self.requireNamespace(namespace, of: resource, in: transaction, name: complete.name)
            return try Self.insert(complete, resource, namespace, in: &transaction)
        }
        return Written(object: stored, warnings: admission.warnings, isNew: true)
    }

    /// Checks that kind and namespace of a body agree with its path, and fills in what the path says.
    static func addressed(_ object: JSONValue, _ resource: Resource, namespace: String) throws -> JSONValue {
        guard object.object != nil else {
            throw APIFailure.badRequest("the body must be an object, found \(object.kind)")
        }
        var object = object
        if let kind = object["kind"]?.string, kind != resource.kind {
            throw APIFailure.badRequest(
                "the object provided is unrecognized: kind \"\(printable(kind))\" does not belong to \(resource.plural), which holds \(resource.kind)"
            )
        }
        if let version = object["apiVersion"]?.string, version != "v1" {
            throw APIFailure.badRequest(
                "the API version in the data (\(printable(version))) does not match the expected API version (v1)")
        }
        if object["metadata"]?.object == nil { object["metadata"] = [:] }
        guard resource.isNamespaced else { return object }
        if let own = object["metadata"]?["namespace"]?.string, !own.isEmpty, own != namespace {
            throw APIFailure.badRequest(
                "the namespace of the provided object (\(printable(own))) does not match the namespace of the request (\(printable(namespace)))"
            )
        }
        object["metadata"]?["namespace"] = .string(namespace)
        return object
    }

    private func newborn(_ object: JSONValue, _ resource: Resource, uid: String) -> JSONValue {
        var object = object
        object["metadata"]?["uid"] = .string(uid)
        object["metadata"]?["creationTimestamp"] = .string(now().rfc3339)
        switch resource {
        case .pods:
            object["metadata"]?["generation"] = 1
            if object["spec"]?["nodeName"]?.string ?? "" == "" { object["spec"]?["nodeName"] = .string(nodeName) }
            object["status"]?["conditions"] = [
                ["type": "PodScheduled", "status": "True", "lastTransitionTime": .string(now().rfc3339)]
            ]
        case .namespaces:
            object["status"] = ["phase": "Active"]
            var labels = object.metadata["labels"] ?? [:]
            labels["kubernetes.io/metadata.name"] = .string(object.name)
            object["metadata"]?["labels"] = labels
        case .claims: object = ClaimValidation.bound(object, uid: uid)
        default: break
        }
        return object
    }

    private static func requireNamespace(
        _ namespace: String, of resource: Resource, in transaction: StoreTransaction, name: String
    ) throws {
        guard resource.isNamespaced else { return }
        let key = ObjectKey(resource: .namespaces, namespace: "", name: namespace)
        guard let found = try transaction.get(key) else { throw APIFailure.notFound(key) }
        if found.isTerminating, resource != .events {
            throw APIFailure.forbidden(
                ObjectKey(resource: resource, namespace: namespace, name: name),
                "unable to create new content in namespace \(namespace) because it is being terminated")
        }
    }

    private static func insert(
        _ object: JSONValue, _ resource: Resource, _ namespace: String, in transaction: inout StoreTransaction
    ) throws -> JSONValue {
        var object = object
        if object.name.isEmpty {
            let prefix = object.metadata["generateName"]?.string ?? ""
            var name = Identifiers.generated(prefix)
            for _ in 0..<8 {
                let taken = try transaction.get(ObjectKey(resource: resource, namespace: namespace, name: name)) != nil
                if !taken { break }
                name = Identifiers.generated(prefix)
            }
            object["metadata"]?["name"] = .string(name)
        }
        let key = ObjectKey(resource: resource, namespace: namespace, name: object.name)
        guard try transaction.get(key) == nil else { throw APIFailure.alreadyExists(key) }
        return try transaction.save(key, object, previous: nil)
    }
}
