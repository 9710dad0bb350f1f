import Errors

/// Pods with nothing but their loopback interface, which the shim brings up when it makes the namespace.
public struct LoopbackNetwork: PodNetwork {
    public let name = "loopback"

    public init() {}

    /// Errors: `unimplemented` when a host port is asked for, which loopback alone cannot give.
    public func setUp(_ request: NetworkRequest, holder: Int32) throws(SwiftletError) -> NetworkAttachment {
        if let mapping = request.portMappings.first(where: { $0.hostPort != 0 }) {
            throw SwiftletError(
                .unimplemented,
                "host port \(mapping.hostPort) needs a pod network, and pods have loopback only so far",
                operation: "set up network", hint: "use hostNetwork, or leave the host port out")
        }
        return NetworkAttachment()
    }

    public func tearDown(sandboxID: String) throws(SwiftletError) {}

    public func condition() -> NetworkCondition { .ready }

    /// There are no addresses to give out: the ranges are taken note of by nobody.
    public func setPodRanges(_ ranges: String) throws(SwiftletError) {
        if !ranges.isEmpty {
            throw SwiftletError(
                .unimplemented, "pods have loopback only so far and take no addresses",
                operation: "set pod range", object: printable(ranges))
        }
    }
}
