import Errors
import Glibc
import KubeAPI
import LinuxSystem
import PodLoop
import Volumes

/// What is left of this machine, from the kernel's own counts.
struct MachineGauge: NodeGauge {
    /// The file system of pods and logs, and that of images; one and the same as a rule.
    let root: String
    let images: String
    let volumes: HostVolumes

    func levels() async throws -> NodeLevels {
        try await onOwnThread {
            var levels: NodeLevels = [:]
            (levels[.nodefsAvailable], levels[.nodefsInodesFree]) = try fileSystem(root)
            (levels[.imagefsAvailable], levels[.imagefsInodesFree]) = try fileSystem(images)
            levels[.memoryAvailable] = try Self.memory(text("/proc/meminfo"))
            levels[.pidAvailable] = try processes()
            return levels
        }
    }

    func diskUsage(of pod: PodReference) async throws -> PodDiskUsage { try await volumes.diskUsage(of: pod) }

    private func fileSystem(_ path: String) throws(SwiftletError) -> (bytes: NodeLevel, inodes: NodeLevel?) {
        var disk = statvfs()
        try check(statvfs(path, &disk), "statvfs", path)
        let block = Int64(disk.f_frsize)
        let bytes = NodeLevel(
            available: Int64(clamping: disk.f_bavail) * block, capacity: Int64(clamping: disk.f_blocks) * block)
        // Some file systems make inodes as they need them, and count none.
        guard disk.f_files > 0 else { return (bytes, nil) }
        return (
            bytes, NodeLevel(available: Int64(clamping: disk.f_favail), capacity: Int64(clamping: disk.f_files))
        )
    }

    /// As a kubelet counts: what is free, and the file cache that can be dropped at once.
    static func memory(_ meminfo: String) throws(SwiftletError) -> NodeLevel {
        var kibibytes: [Substring: Int64] = [:]
        for line in meminfo.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.count > 1 { kibibytes[words[0]] = Int64(words[1]) }
        }
        guard let total = kibibytes["MemTotal:"], let free = kibibytes["MemFree:"] else {
            throw SwiftletError(.internal, "/proc/meminfo does not tell MemTotal and MemFree")
        }
        return NodeLevel(
            available: (free + (kibibytes["Inactive(file):"] ?? 0)) << 10, capacity: total << 10)
    }

    private func processes() throws(SwiftletError) -> NodeLevel? {
        var limits: [Int64] = []
        for path in ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"] {
            if let limit = Int64(try text(path).filter(\.isNumber)) { limits.append(limit) }
        }
        // `0.20 0.18 0.12 1/80 11206`: after the stroke all that there are.
        let words = try text("/proc/loadavg").split(separator: " ")
        guard let most = limits.min(), words.count > 3,
            let now = words[3].split(separator: "/").last.flatMap({ Int64($0) })
        else { return nil }
        return NodeLevel(available: max(0, most - now), capacity: most)
    }

    private func text(_ path: String) throws(SwiftletError) -> String {
        let file = try openFile(path, O_RDONLY)
        return String(decoding: try readAll(file.raw, name: path), as: UTF8.self)
    }
}
