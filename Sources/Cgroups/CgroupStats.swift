import Errors
import Glibc

/// What a cgroup uses now. nil: the controller is off.
public struct CgroupStats: Sendable, Equatable {
    /// Nanoseconds of CPU time since it was made.
    public var cpuNanoseconds: UInt64 = 0
    public var memory: Memory?
    /// Bytes in swap.
    public var swap: UInt64?
    public var processes: UInt64?

    public struct Memory: Sendable, Equatable {
        public var usage: UInt64
        /// Usage without the file cache that can be dropped at once (`inactive_file`), as kubelets count.
        public var workingSet: UInt64
        public var anonymous: UInt64
        public var pageFaults: UInt64
        public var majorPageFaults: UInt64
        public var limit: UInt64?
    }
}

extension Cgroup {
    public func stats() throws(SwiftletError) -> CgroupStats {
        var stats = CgroupStats()
        stats.cpuNanoseconds = (try keyed("cpu.stat")["usage_usec"] ?? 0) * 1000
        if let usage = try number("memory.current") {
            let detail = try keyed("memory.stat")
            let inactive = detail["inactive_file"] ?? 0
            stats.memory = .init(
                usage: usage, workingSet: usage > inactive ? usage - inactive : 0, anonymous: detail["anon"] ?? 0,
                pageFaults: detail["pgfault"] ?? 0, majorPageFaults: detail["pgmajfault"] ?? 0,
                limit: try number("memory.max"))
        }
        stats.swap = try number("memory.swap.current")
        stats.processes = try number("pids.current")
        return stats
    }

    /// How many processes here and below the kernel has killed for lack of memory; 0 without the memory controller.
    public func outOfMemoryKills() throws(SwiftletError) -> UInt64 {
        guard has("memory.events") else { return 0 }
        return try keyed("memory.events")["oom_kill"] ?? 0
    }
}
