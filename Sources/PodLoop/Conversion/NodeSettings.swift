import Errors
import KubeAPI

/// What the control loop must know of its machine: found by the daemon, which may look.
public struct NodeSettings: Sendable {
    public var name: String
    /// The node's own addresses, the main one first.
    public var addresses: [String]
    /// `cpu`, `memory`, `ephemeral-storage`, `pods`, `hugepages-…`.
    public var capacity: [String: Quantity]
    public var allocatable: [String: Quantity]
    /// Without `containerRuntimeVersion`, which the runtime tells.
    public var systemInfo: NodeSystemInfo
    /// Where the pods' logs go: `<root>/logs`.
    public var logDirectory: String
    public var logLimits = LogLimits()
    /// Ended starts of a container that are kept besides the newest.
    public var deadContainersKept = 1
    public var eviction = EvictionSettings(thresholds: [])
    public var imageCollection = ImageCollectionSettings()
    /// The machine's own resolv.conf as it is now, which a pod's dnsConfig adds to.
    public var resolver: @Sendable () throws(SwiftletError) -> Resolver
    /// The directory that `localhostProfile` of a seccomp profile is below; absolute.
    public var seccompProfileDirectory: String
    public var admission: NodeAdmission
    /// Throws what is wrong with the profile file at an absolute path.
    public var checkSeccompProfile: @Sendable (String) async throws -> Void
    /// For pods with `hostUsers: false`.
    public var userIDs = UserIDs.standard
    public var bounds = NodeBounds()
    /// Of the node's object, besides those that are set there.
    public var labels: [String: String] = [:]

    public struct Resolver: Sendable, Equatable {
        public var nameservers: [String]
        public var searches: [String]
        public var options: [String]

        public init(nameservers: [String] = [], searches: [String] = [], options: [String] = []) {
            self.nameservers = nameservers
            self.searches = searches
            self.options = options
        }

        /// The lines of a resolv.conf that matter; the last `search` wins, as for the C library.
        public init(resolvConf text: String) {
            self.init()
            for line in text.split(whereSeparator: \.isNewline) {
                let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
                guard words.count > 1 else { continue }
                switch words[0] {
                case "nameserver": nameservers.append(words[1])
                case "search", "domain": searches = Array(words.dropFirst())
                case "options": options += words.dropFirst()
                default: break
                }
            }
        }
    }

    public init(
        name: String, addresses: [String], capacity: [String: Quantity], allocatable: [String: Quantity],
        systemInfo: NodeSystemInfo, logDirectory: String,
        resolver: @escaping @Sendable () throws(SwiftletError) -> Resolver, seccompProfileDirectory: String,
        admission: NodeAdmission = NodeAdmission(),
        checkSeccompProfile: @escaping @Sendable (String) async throws -> Void
    ) {
        self.name = name
        self.addresses = addresses
        self.capacity = capacity
        self.allocatable = allocatable
        self.systemInfo = systemInfo
        self.logDirectory = logDirectory
        self.resolver = resolver
        self.seccompProfileDirectory = seccompProfileDirectory
        self.admission = admission
        self.checkSeccompProfile = checkSeccompProfile
        labels = [
            "kubernetes.io/hostname": name, "kubernetes.io/os": systemInfo.operatingSystem,
            "kubernetes.io/arch": systemInfo.architecture,
        ]
    }

    /// Bytes; 0 when unknown.
    var memory: Int64 { capacity["memory"]?.value ?? 0 }
}
