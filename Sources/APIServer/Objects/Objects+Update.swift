import Errors
import JSON
import KubeAPI

extension Objects {
    /// How a patch makes the new object of the old one.
    enum Patch: Sendable {
        case json(JSONPatch)
        case merge(JSONValue)
        case strategic(JSONValue)

        func apply(to object: JSONValue, kind: String) throws -> JSONValue {
            switch self {
            case .json(let patch): try patch.apply(to: object)
            case .merge(let patch): MergePatch.apply(patch, to: object)
            case .strategic(let patch): try StrategicMergePatch.apply(patch, to: object, kind: kind)
            }
        }
    }

    /// PUT: the object as it shall be.
    func replace(_ key: ObjectKey, with object: JSONValue, _ options: WriteOptions) async throws -> Written {
        let wanted = try Self.addressed(object, key.resource, namespace: key.namespace)
        guard wanted.name == key.name else {
            throw APIFailure.badRequest(
                "the name of the object (\(printable(wanted.name))) does not match the name on the URL (\(printable(key.name)))"
            )
        }
        return try await change(key, options) { _ in wanted }
    }

    func patch(_ key: ObjectKey, _ patch: Patch, _ options: WriteOptions) async throws -> Written {
        try await change(key, options) { old in
            do {
                let new = try patch.apply(to: old, kind: key.resource.kind)
                return try Self.addressed(new, key.resource, namespace: key.namespace)
            } catch let error as SwiftletError {
                guard error.code == .failedPrecondition || error.code == .invalidArgument else { throw error }
                var failure = APIFailure.refused(key.resource.kind, key.name, [])
                failure.status.message = "the patch cannot be applied: \(error.description)"
                throw failure
            }
        }
    }

    private func change(
        _ key: ObjectKey, _ options: WriteOptions, _ make: @escaping @Sendable (JSONValue) throws -> JSONValue
    ) async throws -> Written {
        try await store.write(dryRun: options.dryRun) { transaction in
            guard let old = try transaction.get(key) else { throw APIFailure.notFound(key) }
            let wanted = try make(old)
            try Self.checkIdentity(of: wanted, old, key)
            let (new, warnings) = try Self.admitted(wanted, old: old, key, options)
            if new == old { return Written(object: old, warnings: warnings) }
            if new.isTerminating, !new.hasFinalizers, Self.mayGo(new, key) {
                let gone = try transaction.remove(key, previous: new)
                try Self.finishNamespace(key.namespace, in: &transaction)
                return Written(object: gone, warnings: warnings)
            }
            return Written(object: try transaction.save(key, new, previous: old), warnings: warnings)
        }
    }

    private static func checkIdentity(of wanted: JSONValue, _ old: JSONValue, _ key: ObjectKey) throws {
        if !wanted.resourceVersion.isEmpty, wanted.resourceVersion != old.resourceVersion {
            throw APIFailure.conflict(
                key, "the object has been modified; please apply your changes to the latest version and try again")
        }
        if !wanted.uid.isEmpty, wanted.uid != old.uid {
            throw APIFailure.conflict(
                key,
                "Precondition failed: UID in precondition: \(printable(wanted.uid)), UID in object meta: \(old.uid)")
        }
        guard wanted.name == old.name else {
            throw APIFailure.refused(
                key.resource.kind, key.name,
                [Fault(reason: .invalid, path: "metadata.name", message: "Invalid value: field is immutable")])
        }
    }

    private static let serverFields = [
        "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion",
        "namespace", "managedFields", "generateName",
    ]

    private static func admitted(
        _ wanted: JSONValue, old: JSONValue, _ key: ObjectKey, _ options: WriteOptions
    ) throws -> (JSONValue, [String]) {
        var wanted = wanted
        if options.isStatus {
            var new = old
            let faults = Schema.check(wanted, kind: key.resource.kind).filter { $0.path.hasPrefix("status") }
            guard faults.isEmpty else { throw APIFailure.refused(key.resource.kind, key.name, faults) }
            new["status"] = Schema.normalized(wanted, kind: key.resource.kind)["status"]
            return (new, [])
        }
        for field in serverFields { wanted["metadata"]?[field] = old["metadata"]?[field] }
        wanted["status"] = old["status"]
        if options.isResize { wanted["metadata"] = old.metadata }
        let admission = Admission(wanted, kind: key.resource.kind, unknownFields: options.unknownFields)
        guard var new = admission.object else {
            throw APIFailure.refused(key.resource.kind, key.name, admission.faults)
        }
        let faults = updateFaults(&new, old: old, key, isResize: options.isResize)
        guard faults.isEmpty else { throw APIFailure.refused(key.resource.kind, key.name, faults) }
        return (new, admission.warnings)
    }

    /// What the new form may not be after the old one; fills in what its author need not repeat.
    private static func updateFaults(
        _ new: inout JSONValue, old: JSONValue, _ key: ObjectKey, isResize: Bool
    ) -> [Fault] {
        switch key.resource {
        case .pods:
            // The server's own choice, which the author need not repeat.
            if new["spec"]?["nodeName"] == nil { new["spec"]?["nodeName"] = old["spec"]?["nodeName"] }
            if new["spec"] != old["spec"] {
                new["metadata"]?["generation"] = .int((old.metadata["generation"]?.int ?? 1) + 1)
            }
            return isResize
                ? ResizeValidation.faults(old: old, new: new) : PodValidation.updateFaults(old: old, new: new)
        case .configMaps, .secrets:
            return ConfigValidation.updateFaults(old: old, new: new, kind: key.resource.kind)
        case .claims:
            for field in ["storageClassName", "volumeMode", "volumeName"] where new["spec"]?[field] == nil {
                new["spec"]?[field] = old["spec"]?[field]
            }
            if new["status"]?["phase"] == "Bound" {
                let size = new["spec"]?["resources"]?["requests"]
                new["status"]?["capacity"] = size
            }
            return ClaimValidation.updateFaults(old: old, new: new)
        default: return []
        }
    }

    /// Whether an object that is being deleted may go once no finalizer holds it.
    private static func mayGo(_ object: JSONValue, _ key: ObjectKey) -> Bool {
        switch key.resource {
        // The kubelet removes pods when their containers have ended, and the last pod takes its namespace along.
        case .pods: object.metadata["deletionGracePeriodSeconds"]?.int == 0
        case .namespaces: false
        default: true
        }
    }
}
