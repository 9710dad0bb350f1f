import Errors
import KubeAPI
import Probing

/// Where the network checks of a container go: a host of their own, or the pod's main address.
struct PortTargets: Sendable {
    let pod: Pod
    let container: Container
    let addresses: [String]

    func endpoint(host: String?, port: IntOrString) throws(SwiftletError) -> Endpoint {
        let host = host.flatMap { $0.isEmpty ? nil : $0 } ?? addresses.first
        guard let host else {
            throw SwiftletError(
                .failedPrecondition, "the pod has no address to be asked at", object: podText(pod.reference),
                hint: "use an exec probe, or start the daemon with a pod network")
        }
        return Endpoint(host: host, port: try number(port))
    }

    func check(_ action: HTTPGetAction, timeout: Duration) throws(SwiftletError) -> HTTPCheck {
        let url = ProbeURL(
            scheme: action.scheme == "HTTPS" ? .https : .http,
            endpoint: try endpoint(host: action.host, port: action.port), path: action.path ?? "/")
        return HTTPCheck(url: url, headers: action.httpHeaders.map { ($0.name, $0.value) }, timeout: timeout)
    }

    /// Names are those of the container's own ports.
    private func number(_ port: IntOrString) throws(SwiftletError) -> UInt16 {
        switch port {
        case .int(let number):
            if let port = UInt16(exactly: number), port > 0 { return port }
        case .string(let name):
            let named = container.ports.first { $0.name == name }
            if let port = named.flatMap({ UInt16(exactly: $0.containerPort) }) { return port }
            if let port = UInt16(name), port > 0 { return port }
        }
        throw .notFound("port", "\(port)", hint: "name one of the ports of container \(container.name)")
    }
}
