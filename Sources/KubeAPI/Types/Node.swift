public struct Node: KubeObject {
    public static let apiVersion = "v1"
    public static let kind = "Node"

    public var apiVersion: String? = Node.apiVersion
    public var kind: String? = Node.kind
    public var metadata: ObjectMeta
    public var spec: NodeSpec?
    public var status: NodeStatus?

    public init(name: String) { metadata = ObjectMeta(name: name) }
}

public struct NodeSpec: KubeCodable {
    public var podCIDR: String?
    public var podCIDRs: [String] = []
    public var unschedulable: Bool?
    public var taints: [Taint] = []

    public init() {}
}

public struct Taint: KubeCodable {
    public var key: String
    public var value: String?
    public var effect: String
}

public struct NodeStatus: KubeCodable {
    public var capacity: [String: Quantity] = [:]
    public var allocatable: [String: Quantity] = [:]
    public var conditions: [NodeCondition] = []
    public var addresses: [NodeAddress] = []
    public var nodeInfo: NodeSystemInfo?
    public var images: [ContainerImage] = []

    public init() {}

    public func condition(_ type: String) -> NodeCondition? { conditions.first { $0.type == type } }
}

public struct NodeCondition: KubeCodable {
    /// `Ready`, `MemoryPressure`, `DiskPressure`, `PIDPressure`, `NetworkUnavailable`.
    public var type: String
    public var status: ConditionStatus
    public var lastHeartbeatTime: Timestamp?
    public var lastTransitionTime: Timestamp?
    public var reason: String?
    public var message: String?

    public init(type: String, status: ConditionStatus, reason: String? = nil, message: String? = nil) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
    }
}

public struct NodeAddress: KubeCodable {
    /// `Hostname`, `InternalIP`, `ExternalIP`.
    public var type: String
    public var address: String

    public init(type: String, address: String) {
        self.type = type
        self.address = address
    }
}

public struct NodeSystemInfo: KubeCodable {
    public var machineID = ""
    public var systemUUID = ""
    public var bootID = ""
    public var kernelVersion = ""
    public var osImage = ""
    public var containerRuntimeVersion = ""
    public var kubeletVersion = ""
    public var kubeProxyVersion = ""
    public var operatingSystem = ""
    public var architecture = ""

    public init() {}
}

public struct ContainerImage: KubeCodable {
    public var names: [String] = []
    public var sizeBytes: Int64?

    public init(names: [String], sizeBytes: Int64) {
        self.names = names
        self.sizeBytes = sizeBytes
    }
}
