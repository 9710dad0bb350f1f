import Errors
import LinuxSystem

/// Gives pods their network and takes it back. The runtime calls it on threads that may block.
public protocol PodNetwork: Sendable {
    /// What it is called in status answers: `loopback`.
    var name: String { get }
    /// Makes the network of a sandbox whose new network namespace is that of the process `holder`. Called again for the
    /// same id it gives the same answer. On failure nothing stays behind.
    func setUp(_ request: NetworkRequest, holder: Int32) throws(SwiftletError) -> NetworkAttachment
    /// Gives everything back. Unknown ids and repeats are fine; the namespace may be gone already.
    func tearDown(sandboxID: String) throws(SwiftletError)
    /// Whether pods can get a network now; otherwise why not.
    func condition() -> NetworkCondition
    /// Takes the pod ranges from the control plane: CIDRs separated by a comma. Empty changes nothing.
    func setPodRanges(_ ranges: String) throws(SwiftletError)
}

/// What a sandbox wants of its network.
public struct NetworkRequest: Sendable, Equatable {
    public var sandboxID: String
    public var portMappings: [PortMapping]

    public init(sandboxID: String, portMappings: [PortMapping] = []) {
        self.sandboxID = sandboxID
        self.portMappings = portMappings
    }
}

/// A port of the host that leads to a port of the pod.
public struct PortMapping: Sendable, Equatable {
    public enum Transport: String, Sendable { case tcp, udp, sctp }

    public var transport: Transport
    public var containerPort: UInt16
    public var hostPort: UInt16
    /// Empty for all addresses.
    public var hostAddress: String

    public init(transport: Transport, containerPort: UInt16, hostPort: UInt16, hostAddress: String) {
        self.transport = transport
        self.containerPort = containerPort
        self.hostPort = hostPort
        self.hostAddress = hostAddress
    }
}

/// What a sandbox got.
public struct NetworkAttachment: Sendable, Equatable {
    /// The pod's addresses, the first is the main one. Empty for loopback only.
    public var addresses: [String]

    public init(addresses: [String] = []) { self.addresses = addresses }
}

public enum NetworkCondition: Sendable, Equatable {
    case ready
    case notReady(reason: String, message: String)
}
