/// A container described flat: the shim carries it out from top to bottom and decides nothing.
public struct LaunchPlan: Sendable, Equatable {
    /// The container's id.
    public var id = ""
    /// Where the exit record `exit` goes: a directory below the sandbox's, made by the daemon.
    public var recordDirectory = ""
    /// Absolute path of the container's cgroup v2 directory, made and limited by the daemon; the process is born in it.
    public var cgroup = ""
    public var rootFilesystem = RootFilesystemPlan.directory("/")
    public var rootReadOnly = false
    /// Device nodes in it are none.
    public var rootNoDevices = false
    /// Propagation of the root mount in the container's namespace.
    public var rootPropagation = MountPropagation.private
    public var pidNamespace = PIDNamespacePlan.container
    /// A cgroup namespace of its own, so that /sys/fs/cgroup shows the container's cgroup as the root.
    public var newCgroupNamespace = true
    /// Mounted in this order, parents before children.
    public var mounts: [MountPlan] = []
    public var devices: [DevicePlan] = []
    public var links: [LinkPlan] = []
    /// Hidden: a directory by an empty read-only tmpfs, a file by /dev/null. Missing ones are skipped.
    public var maskedPaths: [String] = []
    public var readOnlyPaths: [String] = []
    public var process = ProcessPlan()
    public var io = StandardIOPlan()

    public init() {}
}

public enum RootFilesystemPlan: Sendable, Equatable {
    /// An overlay: `layersDirectory` becomes the working directory for the mount, so that `lowers` (top first) and the
    /// option string stay within a page. `upper` and `work` are absolute.
    case overlay(layersDirectory: String, lowers: [String], upper: String, work: String)
    /// A directory with the whole tree, bind-mounted.
    case directory(String)
}

public enum MountPropagation: UInt8, Sendable, Equatable {
    case `private`, slave, shared
}

public enum PIDNamespacePlan: Sendable, Equatable {
    /// A new one.
    case container
    /// The pod's (`shareProcessNamespace`).
    case pod
    /// The host's, that is the shim's own.
    case node
    /// That of another container of the pod, by its id.
    case target(String)
}

public struct MountPlan: Sendable, Equatable {
    public enum Source: Sendable, Equatable {
        /// fsopen(2) of a file system type with its options: `("size", "65536k")`, a flag has an empty value.
        case filesystem(type: String, source: String, options: [Option])
        /// An absolute path of the host, symlinks followed, cloned with everything below it when recursive. With `beneath`
        /// the rest is resolved inside that directory and can never leave it (subPath).
        case bind(path: String, beneath: String?, recursive: Bool)
        /// A read-only overlay of layers: `lowers` are relative to `folder`, top first, two at least. With `beneath` only what
        /// is at that path in it.
        case layers(folder: String, lowers: [String], beneath: String?)
    }

    public struct Option: Sendable, Equatable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String = "") {
            self.name = name
            self.value = value
        }
    }

    public struct Attributes: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let readOnly = Attributes(rawValue: 1)
        public static let noSuid = Attributes(rawValue: 2)
        public static let noDev = Attributes(rawValue: 4)
        public static let noExec = Attributes(rawValue: 8)
        public static let strictAccessTime = Attributes(rawValue: 16)
        public static let relativeAccessTime = Attributes(rawValue: 32)
        /// The attributes go to every mount below as well (recursive read-only).
        public static let recursive = Attributes(rawValue: 64)
        /// In a pod with a user namespace of its own: files show the pod's ids, and nothing on disk changes.
        public static let mappedOwners = Attributes(rawValue: 128)
    }

    public var source: Source
    /// Absolute, inside the container; resolved there and never outside. Missing directories and the mount point itself (a
    /// directory, or an empty file when the source is no directory) are made.
    public var destination: String
    public var attributes: Attributes
    public var propagation: MountPropagation

    public init(
        _ source: Source, at destination: String, attributes: Attributes = [], propagation: MountPropagation = .private
    ) {
        self.source = source
        self.destination = destination
        self.attributes = attributes
        self.propagation = propagation
    }
}

/// A device node to make; bound from the host where the kernel forbids mknod(2).
public struct DevicePlan: Sendable, Equatable {
    public enum Kind: UInt8, Sendable { case character, block }
    public var path: String
    public var hostPath: String
    public var kind: Kind
    public var major: UInt32
    public var minor: UInt32
    public var mode: UInt32
    public var user: UInt32
    public var group: UInt32

    public init(
        path: String, hostPath: String, kind: Kind = .character, major: UInt32, minor: UInt32, mode: UInt32 = 0o666,
        user: UInt32 = 0, group: UInt32 = 0
    ) {
        self.path = path
        self.hostPath = hostPath
        self.kind = kind
        self.major = major
        self.minor = minor
        self.mode = mode
        self.user = user
        self.group = group
    }
}

/// A symbolic link to make; one that is there already stays.
public struct LinkPlan: Sendable, Equatable {
    public var path: String
    public var target: String

    public init(path: String, target: String) {
        self.path = path
        self.target = target
    }
}

/// Where a container's output goes and its input comes from.
public struct StandardIOPlan: Sendable, Equatable {
    /// The CRI log file; nil keeps no log.
    public var logPath: String?
    public var terminal = false
    /// Keep a pipe open for attach; otherwise /dev/null.
    public var standardInput = false
    /// The first attach that ends closes it for good.
    public var standardInputOnce = false

    public init() {}
}
