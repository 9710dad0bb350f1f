/// A check of a container; exactly one of the four handlers is set.
public struct Probe: KubeCodable {
    public var exec: ExecAction?
    public var httpGet: HTTPGetAction?
    public var tcpSocket: TCPSocketAction?
    public var grpc: GRPCAction?
    public var initialDelaySeconds: Int32?
    public var timeoutSeconds: Int32?
    public var periodSeconds: Int32?
    public var successThreshold: Int32?
    public var failureThreshold: Int32?
    public var terminationGracePeriodSeconds: Int64?

    public init() {}
}

public struct ExecAction: KubeCodable {
    public var command: [String] = []

    public init(command: [String]) { self.command = command }
}

public struct HTTPGetAction: KubeCodable {
    public var path: String?
    public var port: IntOrString
    public var host: String?
    public var scheme: String?
    public var httpHeaders: [HTTPHeader] = []

    public init(port: IntOrString) { self.port = port }
}

public struct HTTPHeader: KubeCodable {
    public var name: String
    public var value: String
}

public struct TCPSocketAction: KubeCodable {
    public var port: IntOrString
    public var host: String?

    public init(port: IntOrString) { self.port = port }
}

public struct GRPCAction: KubeCodable {
    public var port: Int32
    public var service: String?
}

public struct SleepAction: KubeCodable {
    public var seconds: Int64
}

public struct Lifecycle: KubeCodable {
    public var postStart: LifecycleHandler?
    public var preStop: LifecycleHandler?
    public var stopSignal: String?

    public init() {}
}

/// Exactly one member is set.
public struct LifecycleHandler: KubeCodable {
    public var exec: ExecAction?
    public var httpGet: HTTPGetAction?
    public var tcpSocket: TCPSocketAction?
    public var sleep: SleepAction?

    public init() {}
}
