import PodNetwork

/// Where a runtime keeps things and what it runs with.
public struct RuntimeConfiguration: Sendable {
    /// What outlives a boot: logs and volumes of others lie here too. Absolute.
    public var root: String
    /// What describes this boot's processes: sockets, sandboxes. Absolute.
    public var run: String
    /// The shim's executable file.
    public var shimPath: String
    /// Below the cgroup v2 mount point, one per run directory.
    public var cgroupRoot: String

    /// What pods get for their /etc/resolv.conf when they say nothing else.
    public var resolver: HostResolver

    /// Processes and threads of a pod together, where its client sets no limit and the machine can; nil for no limit.
    public var processesPerPod: Int64?

    public static let standardRun = "/run/swiftlet"

    /// With another run directory than the standard one the cgroup root gets a name derived from it, so that several
    /// daemons live side by side.
    public init(
        root: String, run: String, shimPath: String, cgroupRoot: String? = nil, resolver: HostResolver = HostResolver(),
        processesPerPod: Int64? = nil
    ) {
        self.root = root
        self.run = run
        self.shimPath = shimPath
        self.resolver = resolver
        self.processesPerPod = processesPerPod
        self.cgroupRoot = cgroupRoot ?? RuntimeConfiguration.cgroupRoot(run: run)
    }

    static func cgroupRoot(run: String) -> String {
        if run == standardRun { return "swiftlet" }
        // FNV-1a, 64 bits: the same name for the same directory at every start.
        let hash = run.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return "swiftlet-\(String(hash, radix: 16))"
    }

    var sandboxes: String { "\(run)/sandboxes" }
}
