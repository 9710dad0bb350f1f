import KubeAPI

/// What one pod uses, as far as it is known.
public struct PodUsage: Sendable, Equatable {
    public var pod: Pod
    /// Working set of all containers, in bytes; nil when the runtime does not tell.
    public var memory: Int64?
    public var processes: Int64?
    public var containers: [ContainerUsage]
    /// Bytes by name, of volumes on the disk that go with the pod.
    public var volumes: [String: Int64]
    /// Of containers, logs and volumes together.
    public var inodes: Int64

    public init(
        pod: Pod, memory: Int64? = nil, processes: Int64? = nil, containers: [ContainerUsage] = [],
        volumes: [String: Int64] = [:], inodes: Int64 = 0
    ) {
        self.pod = pod
        self.memory = memory
        self.processes = processes
        self.containers = containers
        self.volumes = volumes
        self.inodes = inodes
    }

    /// What counts against ephemeral-storage.
    public var disk: Int64 { containers.map(\.disk).reduce(0, +) + volumes.values.reduce(0, +) }

    func amount(_ resource: EvictionSignal.Resource) -> Int64? {
        switch resource {
        case .memory: memory
        case .ephemeralStorage: disk
        case .inodes: inodes
        case .pids: processes
        }
    }
}

public struct ContainerUsage: Sendable, Equatable {
    public var name: String
    public var memory: Int64
    /// Its own files: of the root file system what the image does not have.
    public var writable: Int64
    public var logs: Int64

    public init(name: String, memory: Int64 = 0, writable: Int64 = 0, logs: Int64 = 0) {
        self.name = name
        self.memory = memory
        self.writable = writable
        self.logs = logs
    }

    public var disk: Int64 { writable + logs }
}

extension Pod {
    /// What it asks for, or may use, in all: pod-level resources where they are set, else app containers and sidecars
    /// together, or the init container that takes most. Nil when nobody says.
    func total(of name: String, _ list: (ResourceRequirements) -> [String: Quantity]) -> Quantity? {
        if let own = spec.resources.flatMap({ list($0)[name] }) { return own }
        func of(_ container: Container) -> Quantity? { container.resources.flatMap { list($0)[name] } }
        let sidecars = spec.initContainers.filter(\.isSidecar).compactMap(of)
        let together = (sidecars + spec.containers.compactMap(of))
        let beside = sidecars.reduce(Quantity(0), +)
        let initial = spec.initContainers.filter { !$0.isSidecar }.compactMap(of).map { $0 + beside }
        let all = (together.isEmpty ? [] : [together.reduce(Quantity(0), +)]) + initial
        return all.max()
    }

    func request(of name: String) -> Int64 { total(of: name) { $0.requests }?.value ?? 0 }
}
