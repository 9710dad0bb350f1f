import Errors
import JSON
import KubeAPI
import NIOHTTP1

extension API {
    /// Requests about all objects of a kind.
    func collection(
        _ resource: Resource, _ namespace: String?, _ request: Request, _ responder: Responder
    ) async throws {
        switch request.head.method {
        case .GET:
            if try request.flag("watch") { return try await watch(resource, namespace, request, responder) }
            try await list(resource, namespace, request, responder)
        case .POST:
            guard namespace != nil || !resource.isNamespaced else { throw APIFailure.methodNotAllowed() }
            let written = try await objects.create(
                resource, namespace: namespace ?? "", try request.object(), try writeOptions(request))
            if resource == .pods, !(try writeOptions(request).dryRun) { try await recordScheduled(written.object) }
            if resource == .claims, !(try writeOptions(request).dryRun) { try await recordUnbound(written.object) }
            try await send(written, resource, request, responder)
        case .DELETE:
            let selection = try Selection(request, resource)
            let gone = try await objects.deleteCollection(
                resource, namespace: namespace, try deleteOptions(request), matching: selection.matches)
            try await responder.send(json: listObject(resource, gone, version: nil))
        default: throw APIFailure.methodNotAllowed()
        }
    }

    /// Requests about one object, or the part of it that a subresource is.
    func item(_ key: ObjectKey, _ part: String?, _ request: Request, _ responder: Responder) async throws {
        switch request.head.method {
        case .GET:
            let form = try request.accepted
            try await send(Written(object: try await objects.get(key)), key.resource, form, request, responder)
        case .PUT:
            let written = try await objects.replace(
                key, with: try request.object(), try writeOptions(request, part))
            try await send(written, key.resource, request, responder)
        case .PATCH:
            let written = try await objects.patch(
                key, try patch(request), try writeOptions(request, part))
            try await send(written, key.resource, request, responder)
        case .DELETE:
            guard part == nil else { throw APIFailure.methodNotAllowed() }
            try await sendDeletion(try await objects.delete(key, try deleteOptions(request)), key, responder)
        default: throw APIFailure.methodNotAllowed()
        }
    }

    private func list(
        _ resource: Resource, _ namespace: String?, _ request: Request, _ responder: Responder
    ) async throws {
        let form = try request.accepted
        let selection = try Selection(request, resource)
        let (all, version) = try await objects.store.snapshot(resource, namespace: namespace)
        let chosen = all.filter(selection.matches)
        let text = String(version)
        switch form {
        case .json: try await responder.send(json: listObject(resource, chosen, version: text))
        case .table:
            let table = TablePrinter(kind: resource.kind).table(
                chosen, now: objects.now(), resourceVersion: text, include: try included(request))
            try await responder.send(json: table.json)
        }
    }

    func included(_ request: Request) throws -> Table.IncludedObject {
        guard let word = request.query("includeObject"), !word.isEmpty else { return .metadata }
        guard let included = Table.IncludedObject(rawValue: word) else {
            throw APIFailure.badRequest("includeObject must be None, Metadata or Object")
        }
        return included
    }

    private func listObject(_ resource: Resource, _ items: [JSONValue], version: String?) -> JSONValue {
        let metadata: JSONValue = version.map { ["resourceVersion": .string($0)] } ?? [:]
        return [
            "kind": .string("\(resource.kind)List"), "apiVersion": "v1", "metadata": metadata, "items": .array(items),
        ]
    }

    private func send(
        _ written: Written, _ resource: Resource, _ request: Request, _ responder: Responder
    ) async throws {
        try await send(written, resource, try request.accepted, request, responder)
    }

    private func send(
        _ written: Written, _ resource: Resource, _ form: Request.Form, _ request: Request, _ responder: Responder
    ) async throws {
        var body = written.object
        if form == .table {
            body =
                TablePrinter(kind: resource.kind).table(
                    [written.object], now: objects.now(), resourceVersion: written.object.resourceVersion,
                    include: try included(request)
                ).json
        }
        try await responder.send(json: body, status: written.isNew ? 201 : 200, warnings: written.warnings)
    }

    private func sendDeletion(_ deletion: Objects.Deletion, _ key: ObjectKey, _ responder: Responder) async throws {
        switch deletion {
        case .begun(let object): try await responder.send(json: object)
        // A pod that is gone is answered with its last form, as the real server does; others with a word.
        case .done(let object) where key.resource == .pods: try await responder.send(json: object)
        case .done(let object):
            var status = Status(status: "Success", message: nil, reason: nil, code: nil)
            var details = StatusDetails()
            (details.name, details.kind, details.uid) = (key.name, key.resource.plural, object.uid)
            status.details = details
            try await responder.send(json: status.json)
        }
    }

    private func recordScheduled(_ pod: JSONValue) async throws {
        let reference = ObjectReference(
            kind: "Pod", namespace: pod.metadata["namespace"]?.string, name: pod.name, uid: pod.uid)
        let message =
            "Successfully assigned \(pod.metadata["namespace"]?.string ?? "")/\(pod.name) to \(objects.nodeName)"
        try await scheduler.record(
            EventRecord(.normal, object: reference, reason: "Scheduled", message: message))
    }

    /// A claim that nobody here will bind does not wait in silence.
    private func recordUnbound(_ claim: JSONValue) async throws {
        guard claim["status"]?["phase"] == "Pending" else { return }
        let storageClass = claim["spec"]?["storageClassName"]?.string ?? ""
        let message =
            storageClass == PersistentVolumeClaim.localClass
            ? "storage class \"\(storageClass)\" has no volumes of mode Block"
            : "storageclass.storage.k8s.io \"\(printable(storageClass))\" not found"
        let reference = ObjectReference(
            kind: "PersistentVolumeClaim", namespace: claim.metadata["namespace"]?.string, name: claim.name,
            uid: claim.uid)
        try await scheduler.record(
            EventRecord(.warning, object: reference, reason: "ProvisioningFailed", message: message))
    }
}

// MARK: - Options

extension API {
    private func isDryRun(_ request: Request, _ body: JSONValue? = nil) throws -> Bool {
        let words =
            request.values("dryRun").filter { !$0.isEmpty } + (body?["dryRun"]?.array ?? []).compactMap(\.string)
        if let wrong = words.first(where: { $0 != "All" }) {
            throw APIFailure.badRequest("dryRun: \"\(printable(wrong))\" is not supported, only All is")
        }
        return !words.isEmpty
    }

    func writeOptions(_ request: Request, _ part: String? = nil) throws -> WriteOptions {
        let unknownFields: Admission.UnknownFields
        switch request.query("fieldValidation") {
        case nil, "", "Warn": unknownFields = .warn
        case "Strict": unknownFields = .strict
        case "Ignore": unknownFields = .ignore
        case let word?:
            throw APIFailure.badRequest("fieldValidation: \"\(printable(word))\" is none of Ignore, Warn, Strict")
        }
        return WriteOptions(
            dryRun: try isDryRun(request), unknownFields: unknownFields, isStatus: part == "status",
            isResize: part == "resize")
    }

    private func deleteOptions(_ request: Request) throws -> DeleteOptions {
        var body: JSONValue?
        if !request.body.isEmpty { body = try request.object() }
        if let body, body.object == nil { throw APIFailure.badRequest("DeleteOptions must be an object") }
        func whole(_ value: JSONValue?) throws -> Int64? {
            guard let value, !value.isNull else { return nil }
            guard let number = value.int else { throw APIFailure.badRequest("gracePeriodSeconds must be an integer") }
            return number
        }
        return DeleteOptions(
            gracePeriodSeconds: try request.integer("gracePeriodSeconds") ?? whole(body?["gracePeriodSeconds"]),
            uid: body?[path: "preconditions", "uid"]?.string,
            resourceVersion: body?[path: "preconditions", "resourceVersion"]?.string,
            dryRun: try isDryRun(request, body))
    }

    private static let patchTypes = [
        "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
    ]

    private func patch(_ request: Request) throws -> Objects.Patch {
        func tree() throws -> JSONValue { try Request.tree { try JSONValue.parse(request.body) } }
        switch request.contentType {
        case Self.patchTypes[0]: return .json(try Request.tree { try JSONPatch(try JSONValue.parse(request.body)) })
        case Self.patchTypes[1]: return .merge(try tree())
        case Self.patchTypes[2]: return .strategic(try tree())
        default: throw APIFailure.unsupportedMediaType(request.contentType, Self.patchTypes)
        }
    }
}

/// The label and field selectors of a request.
struct Selection: Sendable {
    var labels: LabelSelector
    var fields: FieldSelector

    init(_ request: Request, _ resource: Resource) throws {
        labels = try LabelSelector(request.query("labelSelector") ?? "")
        fields = try FieldSelector(request.query("fieldSelector") ?? "", kind: resource.kind)
    }

    func matches(_ object: JSONValue) -> Bool { labels.matches(object.labels) && fields.matches(object) }
}
