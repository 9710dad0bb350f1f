import CRI
import Errors
import JSON
import KubeAPI
import NIOCore
import NIOHTTP1
import Streaming

extension API {
    enum StreamVerb: String { case exec, attach }

    /// Exec and attach: the runtime makes an endpoint for the request, and the two WebSockets are joined.
    func stream(_ key: ObjectKey, _ verb: StreamVerb, _ request: Request, _ responder: Responder) async throws {
        let container = try PodContainer(try Pod(try await objects.get(key)), named: request.query("container"))
        guard StreamUpgrade.isRequested(request.head) else {
            throw APIFailure.badRequest(
                "\(verb.rawValue) needs an upgrade to WebSocket (\(StreamProtocol.v5.rawValue)); SPDY is not spoken here yet"
            )
        }
        let handshake = try StreamUpgrade.negotiate(request.head)
        let url = try await endpoint(container, verb, request)
        try await join(responder, handshake, to: try StreamTarget(url: url))
    }

    /// Joins the client's connection with one to the runtime's endpoint, to the end of both.
    func join(_ responder: Responder, _ handshake: StreamHandshake, to target: StreamTarget) async throws {
        let upstream = try await StreamClient.connect(to: target)
        let client: StreamConnection
        do {
            client = try await StreamUpgrade.complete(handshake, on: responder.channel) { pipeline in
                [try pipeline.context(handlerType: HTTPConnection.self)]
            }
        } catch {
            await upstream.close()
            throw error
        }
        await StreamRelay.run(client, upstream)
    }

    private func endpoint(_ container: PodContainer, _ verb: StreamVerb, _ request: Request) async throws -> String {
        let id = try container.runningID(for: verb.rawValue)
        let tty = try request.flag("tty")
        let (stdin, stdout) = (try request.flag("stdin"), try request.flag("stdout"))
        // A terminal has one output only.
        let stderr = try request.flag("stderr") && !tty
        guard stdin || stdout || stderr else {
            throw APIFailure.badRequest("at least one of stdin, stdout and stderr must be true")
        }
        switch verb {
        case .exec:
            let command = request.values("command")
            guard !command.isEmpty else {
                throw APIFailure.badRequest("you must specify at least one command for the container")
            }
            return try await runtime.exec(
                .with {
                    $0.containerID = id
                    $0.cmd = command
                    ($0.tty, $0.stdin, $0.stdout, $0.stderr) = (tty, stdin, stdout, stderr)
                }
            ).url
        case .attach:
            if tty != (container.spec.tty ?? false), tty {
                throw APIFailure.badRequest("container \(container.spec.name) has no terminal: attach without one")
            }
            return try await runtime.attach(
                .with {
                    $0.containerID = id
                    ($0.tty, $0.stdin, $0.stdout, $0.stderr) = (tty, stdin, stdout, stderr)
                }
            ).url
        }
    }
}
