import Errors
import JSON
import KubeAPI

extension Objects {
    enum Deletion: Sendable {
        /// Begun: the object as it is now.
        case begun(JSONValue)
        /// Gone: the object as it was last.
        case done(JSONValue)
    }

    func delete(_ key: ObjectKey, _ options: DeleteOptions) async throws -> Deletion {
        let now = now()
        return try await store.write(dryRun: options.dryRun) { transaction in
            guard let object = try transaction.get(key) else { throw APIFailure.notFound(key) }
            try Self.check(options, object, key)
            return try Self.delete(key, object, grace: options.gracePeriodSeconds, now: now, in: &transaction)
        }
    }

    /// Deletes what both selectors match; each object counts by itself.
    func deleteCollection(
        _ resource: Resource, namespace: String?, _ options: DeleteOptions,
        matching: @escaping @Sendable (JSONValue) -> Bool
    ) async throws -> [JSONValue] {
        let now = now()
        return try await store.write(dryRun: options.dryRun) { transaction in
            try transaction.list(resource, namespace: namespace).filter(matching).map { object in
                let key = ObjectKey(
                    resource: resource, namespace: object.metadata["namespace"]?.string ?? "", name: object.name)
                switch try Self.delete(key, object, grace: options.gracePeriodSeconds, now: now, in: &transaction) {
                case .begun(let object), .done(let object): return object
                }
            }
        }
    }

    private static func check(_ options: DeleteOptions, _ object: JSONValue, _ key: ObjectKey) throws {
        if let uid = options.uid, uid != object.uid {
            throw APIFailure.conflict(
                key, "the UID in the precondition (\(printable(uid))) does not match the UID in record (\(object.uid))")
        }
        if let version = options.resourceVersion, version != object.resourceVersion {
            throw APIFailure.conflict(
                key,
                "the ResourceVersion in the precondition (\(printable(version))) does not match the ResourceVersion in record (\(object.resourceVersion))"
            )
        }
    }

    private static func delete(
        _ key: ObjectKey, _ object: JSONValue, grace: Int64?, now: Timestamp, in transaction: inout StoreTransaction
    ) throws -> Deletion {
        switch key.resource {
        case .pods:
            let result = try deletePod(key, object, grace: grace, now: now, in: &transaction)
            if case .done = result { try finishNamespace(key.namespace, in: &transaction) }
            return result
        case .namespaces: return try deleteNamespace(key, object, now: now, in: &transaction)
        default:
            guard object.hasFinalizers else {
                let gone = try transaction.remove(key, previous: object)
                try finishNamespace(key.namespace, in: &transaction)
                return .done(gone)
            }
            if object.isTerminating { return .begun(object) }
            return .begun(try mark(key, object, grace: 0, now: now, in: &transaction))
        }
    }

    /// The grace is the request's, or the pod's own; none for a pod that has ended. It can only shrink.
    private static func deletePod(
        _ key: ObjectKey, _ object: JSONValue, grace: Int64?, now: Timestamp, in transaction: inout StoreTransaction
    ) throws -> Deletion {
        let phase = object["status"]?["phase"]?.string
        let own = object["spec"]?["terminationGracePeriodSeconds"]?.int ?? 30
        var seconds = phase == "Succeeded" || phase == "Failed" ? 0 : grace ?? own
        if seconds < 0 { seconds = 1 }
        if seconds == 0, !object.hasFinalizers { return .done(try transaction.remove(key, previous: object)) }
        if object.isTerminating, let present = object.metadata["deletionGracePeriodSeconds"]?.int, seconds >= present {
            return .begun(object)
        }
        return .begun(try mark(key, object, grace: seconds, now: now, in: &transaction))
    }

    private static func mark(
        _ key: ObjectKey, _ object: JSONValue, grace: Int64, now: Timestamp, in transaction: inout StoreTransaction
    ) throws -> JSONValue {
        var marked = object
        marked["metadata"]?["deletionTimestamp"] = .string((now + grace).rfc3339)
        marked["metadata"]?["deletionGracePeriodSeconds"] = .int(grace)
        if key.resource == .pods {
            marked["metadata"]?["generation"] = .int((object.metadata["generation"]?.int ?? 1) + 1)
        }
        return try transaction.save(key, marked, previous: object)
    }

    /// Begins the deletion of all its pods and claims; the namespace goes with the last of them, and all else in it too.
    private static func deleteNamespace(
        _ key: ObjectKey, _ object: JSONValue, now: Timestamp, in transaction: inout StoreTransaction
    ) throws -> Deletion {
        if permanentNamespaces.contains(key.name) {
            throw APIFailure.forbidden(key, "this namespace may not be deleted")
        }
        var namespace = object
        if !object.isTerminating {
            namespace["status"] = ["phase": "Terminating"]
            namespace = try mark(key, namespace, grace: 0, now: now, in: &transaction)
        }
        for pod in try transaction.list(.pods, namespace: key.name) {
            _ = try deletePod(
                ObjectKey(resource: .pods, namespace: key.name, name: pod.name), pod, grace: nil, now: now,
                in: &transaction)
        }
        for claim in try transaction.list(.claims, namespace: key.name) {
            _ = try delete(
                ObjectKey(resource: .claims, namespace: key.name, name: claim.name), claim, grace: 0, now: now,
                in: &transaction)
        }
        try finishNamespace(key.name, in: &transaction)
        return try transaction.get(key) == nil ? .done(namespace) : .begun(namespace)
    }

    static func finishNamespace(_ name: String, in transaction: inout StoreTransaction) throws {
        let key = ObjectKey(resource: .namespaces, namespace: "", name: name)
        guard let namespace = try transaction.get(key), namespace.isTerminating, !namespace.hasFinalizers,
            try transaction.list(.pods, namespace: name).isEmpty,
            try transaction.list(.claims, namespace: name).isEmpty
        else { return }
        for resource in Resource.all where resource.isNamespaced {
            for object in try transaction.list(resource, namespace: name) {
                try transaction.remove(
                    ObjectKey(resource: resource, namespace: name, name: object.name), previous: object)
            }
        }
        try transaction.remove(key, previous: namespace)
    }
}
