import CRI
import Errors
import JSON
import KubeAPI
import Logging
import NIOCore
import NIOHTTP1

/// Takes requests to their handlers.
struct API: Sendable {
    let objects: Objects
    let runtime: any RuntimeService
    let usage: UsageSampler
    /// Pods are bound as they are created; this says so.
    let scheduler: EventRecorder
    let version: String
    let logger: Logger

    func answer(_ request: Request, _ responder: Responder) async {
        do {
            do { try await route(request, responder) } catch {
                let failure = APIFailure(error)
                // A client that has left is no failure of ours.
                if failure.code >= 500, responder.channel.isActive {
                    logger.error(
                        "request failed", metadata: ["uri": "\(printable(request.head.uri))", "error": "\(error)"])
                }
                guard !responder.hasBegun else { throw failure }
                try await responder.send(failure: failure)
            }
        } catch {
            // The client has gone, or half an answer is out: only closing says so.
            responder.channel.close(promise: nil)
        }
    }

    private func route(_ request: Request, _ responder: Responder) async throws {
        let path = request.path
        switch path.first {
        case "healthz", "livez", "readyz":
            try await responder.send(200, "text/plain; charset=utf-8", Array("ok".utf8))
        case "version", "api", "apis":
            if path.count > 2, path[0] == "api" {
                try await routeCore(Array(path.dropFirst(2)), version: path[1], request, responder)
            } else if path.count > 3, path[0] == "apis", path[1] == "metrics.k8s.io", path[2] == "v1beta1" {
                try await metrics(Array(path.dropFirst(3)), request, responder)
            } else {
                guard request.head.method == .GET else { throw APIFailure.methodNotAllowed() }
                _ = try request.accepted
                guard let document = Discovery.document(path, version: version) else { throw APIFailure.noSuchPath() }
                try await responder.send(json: document)
            }
        default: throw APIFailure.noSuchPath()
        }
    }

    /// Below `/api/v1`: `[namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]]`.
    private func routeCore(
        _ path: [String], version: String, _ request: Request, _ responder: Responder
    ) async throws {
        guard version == "v1" else { throw APIFailure.noSuchPath() }
        var (namespace, rest): (String?, ArraySlice<String>) = (nil, path[...])
        // `namespaces/a/pods` is about pods; `namespaces/a` and `namespaces/a/status` are about the namespace.
        if path.count > 2, path[0] == "namespaces", Resource.named(path[2]) != nil {
            namespace = path[1]
            rest = path.dropFirst(2)
        }
        guard let resource = rest.popFirst().flatMap({ Resource.named($0) }), resource.isNamespaced || namespace == nil
        else {
            throw APIFailure.noSuchPath()
        }
        guard let name = rest.popFirst() else {
            return try await collection(resource, namespace, request, responder)
        }
        guard resource.isNamespaced == (namespace != nil) else { throw APIFailure.noSuchPath() }
        let key = ObjectKey(resource: resource, namespace: namespace ?? "", name: name)
        let sub = rest.popFirst()
        guard rest.isEmpty, sub.map(resource.subresources.contains) ?? true else { throw APIFailure.noSuchPath() }
        switch sub {
        case "log":
            guard request.head.method == .GET else { throw APIFailure.methodNotAllowed() }
            try await log(key, request, responder)
        case "exec": try await stream(key, .exec, request, responder)
        case "attach": try await stream(key, .attach, request, responder)
        case "portforward": try await portForward(key, request, responder)
        default: try await item(key, sub, request, responder)
        }
    }
}
