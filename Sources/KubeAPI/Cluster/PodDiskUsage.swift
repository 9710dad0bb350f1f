/// What a pod's logs and volumes take on the disk, in bytes.
public struct PodDiskUsage: Sendable, Equatable {
    /// By container, of all its starts.
    public var logs: [String: Int64]
    /// By volume, of those that lie on the disk and go with the pod.
    public var volumes: [String: Int64]
    /// Of both together.
    public var inodes: Int64

    public init(logs: [String: Int64] = [:], volumes: [String: Int64] = [:], inodes: Int64 = 0) {
        self.logs = logs
        self.volumes = volumes
        self.inodes = inodes
    }
}
