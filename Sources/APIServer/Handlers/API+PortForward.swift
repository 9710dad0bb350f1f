import CRI
import Errors
import KubeAPI
import NIOHTTP1
import Streaming

extension API {
    /// A port of a pod over a WebSocket: data on channel 0, faults on channel 1, each after the port in two bytes.
    func portForward(_ key: ObjectKey, _ request: Request, _ responder: Responder) async throws {
        let pod = try Pod(try await objects.get(key))
        guard pod.status?.phase == .running else {
            throw APIFailure.badRequest(
                "unable to forward port because pod is not running. Current status=\(pod.status?.phase?.rawValue ?? "Pending")"
            )
        }
        guard StreamUpgrade.isRequested(request.head) else {
            throw APIFailure.badRequest(
                "portforward needs an upgrade to WebSocket (\(StreamProtocol.v5.rawValue)); SPDY is not spoken here yet"
            )
        }
        let ports = request.values("ports").flatMap { $0.split(separator: ",") }
        guard ports.count == 1, let port = UInt16(ports[0]), port > 0 else {
            throw APIFailure.badRequest(
                "ports must be one port from 1 to 65535: each further port has its own connection")
        }
        let handshake = try StreamUpgrade.negotiate(request.head)
        let sandbox = try await readySandbox(of: pod)
        let url = try await runtime.portForward(
            .with {
                $0.podSandboxID = sandbox
                $0.port = [Int32(port)]
            }
        ).url
        try await join(responder, handshake, to: try StreamTarget(url: url))
    }

    private func readySandbox(of pod: Pod) async throws -> String {
        let list = try await runtime.listPodSandbox(
            .with {
                $0.filter.labelSelector = ["io.kubernetes.pod.uid": pod.metadata.uid ?? ""]
                $0.filter.state.state = .sandboxReady
            })
        guard let sandbox = list.items.max(by: { $0.createdAt < $1.createdAt }) else {
            throw APIFailure.badRequest("pod \(pod.metadata.name ?? "") has no sandbox that is ready")
        }
        return sandbox.id
    }
}
