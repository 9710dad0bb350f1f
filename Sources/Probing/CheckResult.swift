/// What a check of a container's port found. The texts are those that Kubernetes shows after `Readiness probe failed: `.
public enum CheckResult: Sendable, Equatable {
    case success
    /// Success that a person should look at.
    case warning(String)
    case failure(String)
}

/// Where a check connects to.
public struct Endpoint: Sendable, Equatable {
    /// An address, or a name that this machine's resolver knows.
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// `10.85.0.2:80`, `[fd00:85::2]:80`.
    public var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// What `User-Agent` says: the kubelet's name and the Kubernetes version whose behaviour this is.
let userAgent = "kube-probe/1.36"
