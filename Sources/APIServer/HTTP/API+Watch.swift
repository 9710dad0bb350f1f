import Errors
import JSON
import KubeAPI

extension API {
    /// Streams changes as JSON lines until the client leaves, the time is over or the watch is too old.
    func watch(_ resource: Resource, _ namespace: String?, _ request: Request, _ responder: Responder) async throws {
        let watch = try Watch(resource, namespace, request, included: try included(request), now: objects.now)
        let start = try await begin(watch)
        try await responder.begin(200, "application/json", endless: true)
        for object in start.initial { try await responder.write(watch.line("ADDED", object)) }
        if watch.sendsInitialEvents {
            try await responder.write(watch.bookmark(start.version, endsInitialEvents: true))
        }
        let last = try await follow(watch, start.changes, from: start.version, responder)
        if watch.allowsBookmarks { try await responder.write(watch.bookmark(last, endsInitialEvents: false)) }
        try await responder.end()
    }

    private struct Start {
        var initial: [JSONValue] = []
        var version: Int64
        var changes: WatchHub.Changes
    }

    private func begin(_ watch: Watch) async throws -> Start {
        if let version = watch.version, !watch.sendsInitialEvents {
            return Start(version: version, changes: try objects.store.hub.changes(after: version))
        }
        let (all, version) = try await objects.store.snapshot(watch.resource, namespace: watch.namespace)
        let changes = try objects.store.hub.changes(after: version)
        return Start(
            initial: watch.skipsInitial ? [] : all.filter(watch.selection.matches), version: version, changes: changes)
    }

    /// Sends changes until the time is over; returns the version of the last change seen.
    private func follow(
        _ watch: Watch, _ changes: WatchHub.Changes, from version: Int64, _ responder: Responder
    ) async throws -> Int64 {
        try await withThrowingTaskGroup(of: Int64?.self) { group in
            group.addTask {
                var last = version
                do {
                    for try await change in changes {
                        last = change.version
                        if let line = watch.line(for: change) { try await responder.write(line) }
                    }
                } catch let failure as APIFailure {
                    try await responder.write(watch.errorLine(failure))
                }
                return last
            }
            group.addTask {
                // Ends by cancellation when the changes end first.
                try? await Task.sleep(for: .seconds(watch.timeoutSeconds))
                return nil
            }
            var last = version
            if let first = try await group.next(), let seen = first { last = seen }
            group.cancelAll()
            while let next = try await group.next() { last = next ?? last }
            return last
        }
    }
}

/// What a watch request asks for, and the lines it is answered with.
struct Watch: Sendable {
    let resource: Resource
    let namespace: String?
    let selection: Selection
    let form: Request.Form
    let included: Table.IncludedObject
    /// Changes after this one; nil: what is there now, then changes.
    let version: Int64?
    let sendsInitialEvents: Bool
    let skipsInitial: Bool
    let allowsBookmarks: Bool
    let timeoutSeconds: Int64
    let now: @Sendable () -> Timestamp

    init(
        _ resource: Resource, _ namespace: String?, _ request: Request, included: Table.IncludedObject,
        now: @escaping @Sendable () -> Timestamp
    ) throws {
        self.resource = resource
        self.namespace = namespace
        self.included = included
        self.now = now
        selection = try Selection(request, resource)
        form = try request.accepted
        let text = request.query("resourceVersion") ?? ""
        guard text.isEmpty || Int64(text).map({ $0 >= 0 }) ?? false else {
            throw APIFailure.badRequest("resourceVersion: \"\(printable(text))\" is no version of this server")
        }
        version = Int64(text).flatMap { $0 == 0 ? Optional.none : $0 }
        sendsInitialEvents = try request.flag("sendInitialEvents")
        skipsInitial = request.query("sendInitialEvents") != nil && !sendsInitialEvents
        allowsBookmarks = try request.flag("allowWatchBookmarks")
        if request.query("sendInitialEvents") != nil, request.query("resourceVersionMatch") != "NotOlderThan" {
            throw APIFailure.refused(
                "ListOptions", "",
                [
                    Fault(
                        reason: .forbidden, path: "resourceVersionMatch",
                        message: "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
                ])
        }
        // Clients watch again; not all at once, therefore.
        timeoutSeconds = try request.integer("timeoutSeconds").flatMap { $0 > 0 ? $0 : nil } ?? .random(in: 1800...3600)
    }

    /// With a selector, an object that leaves what is selected is deleted to the watcher, and one that enters is added.
    func line(for change: Change) -> [UInt8]? {
        guard change.key.resource == resource, namespace == nil || change.key.namespace == namespace else { return nil }
        let matches = change.kind != .deleted && selection.matches(change.object)
        let was = change.previous.map(selection.matches) ?? false
        switch (was, matches) {
        case (false, true): return line("ADDED", change.object)
        case (true, true): return line("MODIFIED", change.object)
        case (true, false): return line("DELETED", change.object)
        case (false, false): return nil
        }
    }

    func line(_ type: String, _ object: JSONValue) -> [UInt8] {
        var body = object
        if form == .table {
            body =
                TablePrinter(kind: resource.kind).table(
                    [object], now: now(), resourceVersion: object.resourceVersion, include: included
                ).json
        }
        return event(type, body)
    }

    func bookmark(_ version: Int64, endsInitialEvents: Bool) -> [UInt8] {
        var metadata: JSONValue = ["resourceVersion": .string(String(version))]
        if endsInitialEvents { metadata["annotations"] = ["k8s.io/initial-events-end": "true"] }
        return event("BOOKMARK", ["kind": .string(resource.kind), "apiVersion": "v1", "metadata": metadata])
    }

    func errorLine(_ failure: APIFailure) -> [UInt8] { event("ERROR", failure.status.json) }

    private func event(_ type: String, _ object: JSONValue) -> [UInt8] {
        (["type": .string(type), "object": object] as JSONValue).serialized() + [0x0a]
    }
}
