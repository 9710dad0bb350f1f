/// What a process is to be, decided to the last number by the daemon: the shim looks nothing up.
public struct ProcessPlan: Sendable, Equatable {
    /// At least one; the first is the program, looked up in `environment`'s PATH inside the container when it has no slash.
    public var arguments: [String] = []
    /// `NAME=value`, complete.
    public var environment: [String] = []
    /// Absolute, inside the container.
    public var workingDirectory = "/"
    /// Make the working directory (0755, root) when it is missing, as the field does for containers but not for exec.
    public var createsWorkingDirectory = false
    public var user: UInt32 = 0
    public var group: UInt32 = 0
    public var supplementaryGroups: [UInt32] = []
    public var capabilities = CapabilitySets()
    public var noNewPrivileges = false
    /// A compiled seccomp program: `struct sock_filter` array as bytes; empty for unconfined.
    public var seccompFilter: [UInt8] = []
    public var resourceLimits: [ResourceLimit] = []
    /// -1000…1000; nil leaves what the shim has.
    public var oomScoreAdjustment: Int32?
    public var umask: UInt32 = 0o022

    public init() {}
}

/// The five sets of capabilities(7), a bit a capability.
public struct CapabilitySets: Sendable, Equatable {
    public var bounding: UInt64 = 0
    public var effective: UInt64 = 0
    public var permitted: UInt64 = 0
    public var inheritable: UInt64 = 0
    public var ambient: UInt64 = 0

    public init() {}
}

/// setrlimit(2): `resource` is RLIMIT_*; UInt64.max is infinity.
public struct ResourceLimit: Sendable, Equatable {
    public var resource: Int32
    public var soft: UInt64
    public var hard: UInt64

    public init(resource: Int32, soft: UInt64, hard: UInt64) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
    }
}

/// The size of a terminal in characters.
public struct TerminalSize: Sendable, Equatable {
    public var columns: UInt16
    public var rows: UInt16

    public init(columns: UInt16, rows: UInt16) {
        self.columns = columns
        self.rows = rows
    }
}
