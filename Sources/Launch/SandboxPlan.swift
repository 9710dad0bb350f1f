import LinuxSystem

/// What a shim is told first: the pod's namespaces it is to make and hold.
public struct SandboxPlan: Sendable, Equatable {
    public var id = ""
    /// New ones; false is the host's.
    public var newNetwork = true
    public var newIPC = true
    public var newUTS = true
    /// One PID namespace for all containers of the pod; the shim puts a reaper in it as PID 1.
    public var sharedPID = false
    /// The ids of a new user namespace, which the new namespaces belong to and all processes of the pod live in; nil is the host's.
    public var owners: IDMapping?
    /// Set in the new UTS namespace; empty leaves it.
    public var hostname = ""
    /// Written below /proc/sys from inside the namespaces: `net.ipv4.ip_unprivileged_port_start` → `0`.
    public var sysctls: [Sysctl] = []
    /// The cgroup v2 directory of the pod's PID 1 (`sharedPID`), absolute.
    public var cgroup = ""

    public struct Sysctl: Sendable, Equatable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public init() {}
}
