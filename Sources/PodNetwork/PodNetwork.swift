import Errors
import Glibc
import LinuxSystem

/// Gives pods their network and takes it back. The runtime calls it on threads that may block.
public protocol PodNetwork: Sendable {
    /// What it is called in status answers: `bridge`.
    var name: String { get }
    /// System parameters (sysctl(8)) that a pod's new network namespace must have before `setUp`, unless the pod says
    /// otherwise.
    var podParameters: [(name: String, value: String)] { get }
    /// Before any other call: takes over what an earlier daemon left. What is wrong afterwards `condition` tells.
    func start()
    /// Once it is known which sandboxes live, each with the process that holds its namespaces: gives back what belongs to
    /// no other, and mends what living ones lost.
    func keepOnly(_ living: [String: Int32])
    /// Makes the network of a sandbox whose new network namespace is that of the process `holder`. Called again for the
    /// same id it gives the same answer. On failure nothing stays behind.
    func setUp(_ request: NetworkRequest, holder: Int32) throws(SwiftletError) -> NetworkAttachment
    /// Gives everything back. Unknown ids and repeats are fine; the namespace may be gone already. Host ports are free when
    /// it returns, the rest when nothing can use it any more.
    func tearDown(sandboxID: String) throws(SwiftletError)
    /// Whether pods can get a network now; otherwise why not.
    func condition() -> NetworkCondition
    /// Takes the pod ranges from the control plane: CIDRs separated by a comma. Empty changes nothing.
    func setPodRanges(_ ranges: String) throws(SwiftletError)
    /// What went through the pod's interfaces, the main one first; empty for an unknown id.
    func usage(sandboxID: String) throws(SwiftletError) -> [InterfaceUsage]
    /// The daemon ends and pods run on. What no pod needs goes.
    func stop()
}

extension PodNetwork {
    public var podParameters: [(name: String, value: String)] { [] }
}

/// What a sandbox wants of its network.
public struct NetworkRequest: Sendable, Equatable {
    public var sandboxID: String
    /// The pod's namespace and name, for messages.
    public var podNamespace: String
    public var podName: String
    public var podUID: String
    public var portMappings: [PortMapping]
    /// The pod's; some mean something to networks, such as `kubernetes.io/ingress-bandwidth`.
    public var annotations: [String: String]
    /// Nil when the pod follows the host's.
    public var resolver: Resolver?

    /// What a pod asks for names: resolv.conf(5).
    public struct Resolver: Sendable, Equatable {
        public var servers: [String]
        public var searches: [String]
        public var options: [String]

        public init(servers: [String], searches: [String], options: [String]) {
            self.servers = servers
            self.searches = searches
            self.options = options
        }
    }

    public init(
        sandboxID: String, podNamespace: String = "", podName: String = "", podUID: String = "",
        portMappings: [PortMapping] = [], annotations: [String: String] = [:], resolver: Resolver? = nil
    ) {
        self.sandboxID = sandboxID
        self.podNamespace = podNamespace
        self.podName = podName
        self.podUID = podUID
        self.portMappings = portMappings
        self.annotations = annotations
        self.resolver = resolver
    }
}

/// A port of the host that leads to a port of the pod.
public struct PortMapping: Sendable, Hashable {
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

/// The counters of one of a pod's interfaces, as the pod sees it.
public struct InterfaceUsage: Sendable, Equatable {
    public var name: String
    public var statistics: LinkStatistics

    public init(name: String, statistics: LinkStatistics) {
        self.name = name
        self.statistics = statistics
    }
}

extension LinkStatistics {
    /// Of an interface in the socket's network namespace; nil when it is gone.
    static func read(_ socket: borrowing NetlinkSocket, _ link: LinkReference) throws(SwiftletError) -> LinkStatistics?
    {
        var batch = NetlinkBatch()
        batch.getLink(link)
        do { return try socket.run(batch).lazy.compactMap(Link.init(message:)).first?.statistics } catch
            where error.errno == ENODEV
        { return nil }
    }
}

public enum NetworkCondition: Sendable, Equatable {
    case ready
    case notReady(reason: String, message: String)
}
