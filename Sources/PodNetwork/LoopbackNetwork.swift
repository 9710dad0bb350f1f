import Errors

/// Pods with nothing but their loopback interface, which the shim brings up when it makes the namespace (`--pod-cidr none`).
public struct LoopbackNetwork: PodNetwork {
    public let name = "loopback"

    public init() {}

    public func start() {}

    public func keepOnly(_ living: [String: Int32]) {}

    /// Errors: `unimplemented` when a host port is asked for, which loopback alone cannot give.
    public func setUp(_ request: NetworkRequest, holder: Int32) throws(SwiftletError) -> NetworkAttachment {
        if let mapping = request.portMappings.first(where: { $0.hostPort != 0 }) {
            throw SwiftletError(
                .unimplemented,
                "host port \(mapping.hostPort) needs a pod network, and this daemon gives pods loopback only",
                operation: "set up network",
                hint: "use hostNetwork, or start swiftletd with another --pod-cidr than none")
        }
        return NetworkAttachment()
    }

    public func tearDown(sandboxID: String) throws(SwiftletError) {}

    public func condition() -> NetworkCondition { .ready }

    public func usage(sandboxID: String) throws(SwiftletError) -> [InterfaceUsage] { [] }

    public func stop() {}

    /// There are no addresses to give out.
    public func setPodRanges(_ ranges: String) throws(SwiftletError) {
        if !ranges.isEmpty {
            throw SwiftletError(
                .unimplemented, "this daemon gives pods loopback only, and no addresses",
                operation: "set pod range", object: printable(ranges))
        }
    }
}
