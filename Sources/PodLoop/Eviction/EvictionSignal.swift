/// What of the machine may run out, under a kubelet's names.
public enum EvictionSignal: String, Sendable, Hashable, CaseIterable {
    case memoryAvailable = "memory.available"
    case nodefsAvailable = "nodefs.available"
    case nodefsInodesFree = "nodefs.inodesFree"
    case imagefsAvailable = "imagefs.available"
    case imagefsInodesFree = "imagefs.inodesFree"
    case pidAvailable = "pid.available"

    /// What pods use of it.
    public enum Resource: String, Sendable {
        case memory
        case ephemeralStorage = "ephemeral-storage"
        case inodes
        case pids
    }

    public var resource: Resource {
        switch self {
        case .memoryAvailable: .memory
        case .nodefsAvailable, .imagefsAvailable: .ephemeralStorage
        case .nodefsInodesFree, .imagefsInodesFree: .inodes
        case .pidAvailable: .pids
        }
    }

    public var condition: PressureCondition {
        switch resource {
        case .memory: .memory
        case .ephemeralStorage, .inodes: .disk
        case .pids: .pid
        }
    }
}

/// The node's conditions that say so.
public enum PressureCondition: String, Sendable, Hashable, CaseIterable {
    case memory = "MemoryPressure"
    case disk = "DiskPressure"
    case pid = "PIDPressure"
}

/// How much of it there is: bytes, inodes, processes.
public struct NodeLevel: Sendable, Equatable {
    public var available: Int64
    public var capacity: Int64

    public init(available: Int64, capacity: Int64) {
        self.available = available
        self.capacity = capacity
    }
}

/// A signal that the machine does not give, such as the inodes of a file system without any, is left out.
public typealias NodeLevels = [EvictionSignal: NodeLevel]
