import Errors
import Glibc
import LinuxSystem

/// What a container or pod may use. nil leaves what the kernel has.
public struct CgroupLimits: Sendable, Equatable {
    /// cgroup v1 shares, 2…262144, as CRI speaks; becomes `cpu.weight`.
    public var cpuShares: UInt64?
    /// Microseconds of CPU time a period; -1 is no limit.
    public var cpuQuota: Int64?
    /// Microseconds; 100,000 when only the quota is given.
    public var cpuPeriod: UInt64?
    /// Bytes; -1 is no limit.
    public var memory: Int64?
    /// Bytes of memory and swap together, as OCI counts; -1 is no limit. Needs `memory`.
    public var memoryAndSwap: Int64?
    /// One process that runs out of memory takes the whole cgroup with it.
    public var outOfMemoryGroup: Bool?
    /// -1 is no limit.
    public var processes: Int64?
    /// Kernel list syntax: `0-2,4`.
    public var cpusetCPUs: String?
    public var cpusetMemoryNodes: String?
    /// Page size in the kernel's spelling (`2MB`) and bytes.
    public var hugePages: [HugePageLimit] = []
    /// Control files and values written as they are.
    public var unified: [String: String] = [:]

    public struct HugePageLimit: Sendable, Equatable {
        public var pageSize: String
        public var bytes: UInt64

        public init(pageSize: String, bytes: UInt64) {
            self.pageSize = pageSize
            self.bytes = bytes
        }
    }

    public init() {}

    /// cpu.weight for v1 shares: the curve that maps 2 to 1, 1024 to 100 and 262144 to 10000, so that a share keeps its
    /// meaning against the default weight (opencontainers/cgroups since 2025; the older linear map made 1024 a 39).
    public static func weight(shares: UInt64) -> UInt64 {
        if shares <= 2 { return 1 }
        if shares >= 262_144 { return 10_000 }
        let l = log2(Double(shares))
        return UInt64(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34).rounded(.up))
    }
}

/// One value for one control file, and what to say when its controller is missing.
struct ControlWrite {
    let file: String
    let value: String
    let controller: String
    /// `memory limit 67108864`.
    let meaning: String
}

extension CgroupLimits {
    func writes() throws(SwiftletError) -> [ControlWrite] {
        try cpuWrites() + memoryWrites() + hugePageWrites() + otherWrites() + unifiedWrites()
    }

    private func cpuWrites() -> [ControlWrite] {
        var writes: [ControlWrite] = []
        if let cpuShares {
            let weight = CgroupLimits.weight(shares: cpuShares)
            writes.append(
                .init(file: "cpu.weight", value: "\(weight)", controller: "cpu", meaning: "cpu weight \(weight)"))
        }
        if cpuQuota != nil || cpuPeriod != nil {
            let quota = cpuQuota.map { $0 < 0 ? "max" : String($0) } ?? "max"
            let value = "\(quota) \(cpuPeriod ?? 100_000)"
            writes.append(.init(file: "cpu.max", value: value, controller: "cpu", meaning: "cpu limit \(value)"))
        }
        return writes
    }

    private func memoryWrites() throws(SwiftletError) -> [ControlWrite] {
        var writes: [ControlWrite] = []
        if let memory {
            let value = memory < 0 ? "max" : String(memory)
            writes.append(
                .init(file: "memory.max", value: value, controller: "memory", meaning: "memory limit \(value)"))
        }
        if let memoryAndSwap {
            var value = "max"
            if memoryAndSwap >= 0 {
                guard let memory, memory >= 0, memoryAndSwap >= memory else {
                    throw .invalid(
                        "a swap limit of \(memoryAndSwap) bytes counts memory too, so it needs a memory limit no larger"
                    )
                }
                value = String(memoryAndSwap - memory)
            }
            writes.append(
                .init(file: "memory.swap.max", value: value, controller: "memory", meaning: "swap limit \(value)"))
        }
        if let outOfMemoryGroup {
            let value = outOfMemoryGroup ? "1" : "0"
            writes.append(
                .init(file: "memory.oom.group", value: value, controller: "memory", meaning: "oom group \(value)"))
        }
        return writes
    }

    private func hugePageWrites() throws(SwiftletError) -> [ControlWrite] {
        var writes: [ControlWrite] = []
        for limit in hugePages {
            guard limit.pageSize.utf8.allSatisfy({ $0.isASCIIAlphanumeric }), !limit.pageSize.isEmpty else {
                throw .invalid("\"\(printable(limit.pageSize))\" is no huge page size", hint: "write it as 2MB or 1GB")
            }
            for kind in ["max", "rsvd.max"] {
                writes.append(
                    .init(
                        file: "hugetlb.\(limit.pageSize).\(kind)", value: "\(limit.bytes)", controller: "hugetlb",
                        meaning: "limit of \(limit.bytes) bytes of \(limit.pageSize) huge pages"))
            }
        }
        return writes
    }

    private func otherWrites() -> [ControlWrite] {
        var writes: [ControlWrite] = []
        if let processes {
            let value = processes < 0 ? "max" : String(processes)
            writes.append(.init(file: "pids.max", value: value, controller: "pids", meaning: "process limit \(value)"))
        }
        if let cpus = cpusetCPUs, !cpus.isEmpty {
            writes.append(
                .init(file: "cpuset.cpus", value: cpus, controller: "cpuset", meaning: "cpuset cpus \(printable(cpus))")
            )
        }
        if let nodes = cpusetMemoryNodes, !nodes.isEmpty {
            writes.append(
                .init(
                    file: "cpuset.mems", value: nodes, controller: "cpuset", meaning: "cpuset mems \(printable(nodes))")
            )
        }
        return writes
    }

    private func unifiedWrites() throws(SwiftletError) -> [ControlWrite] {
        var writes: [ControlWrite] = []
        for (file, value) in unified.sorted(by: { $0.key < $1.key }) {
            guard
                file.utf8.allSatisfy({ $0.isASCIIAlphanumeric || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") }),
                let dot = file.firstIndex(of: "."), dot != file.startIndex, !file.hasPrefix("cgroup.")
            else { throw .invalid("\"\(printable(file))\" is no control file for a limit") }
            writes.append(
                .init(
                    file: file, value: value, controller: String(file[..<dot]), meaning: "\(file) \(printable(value))"))
        }
        return writes
    }
}

extension UInt8 {
    fileprivate var isASCIIAlphanumeric: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }
}

extension Cgroup {
    /// Sets the limits, all or none: when one cannot be set, those set before get their old values back. Nothing is
    /// written when a controller is missing. Errors: `failedPrecondition` naming the controller and where it was looked for;
    /// `invalidArgument` for a value the kernel refuses.
    public func apply(_ limits: CgroupLimits) throws(SwiftletError) {
        let writes = try limits.writes().filter { !isNeedless($0) }
        for write in writes where !has(write.file) { throw missing(write) }
        var done: [(file: String, old: String)] = []
        for write in writes {
            do {
                let old = try read(write.file).trimmingLineEnd()
                try self.write(write.file, write.value)
                done.append((write.file, old))
            } catch {
                var failure = error.during("set \(write.meaning) on cgroup", path)
                for entry in done.reversed() {
                    do { try self.write(entry.file, entry.old) } catch { failure.notes.append(error.message) }
                }
                throw failure
            }
        }
    }

    /// Without swap in the kernel there is no swap file to write, and nothing that no swap would forbid.
    private func isNeedless(_ write: ControlWrite) -> Bool {
        write.file == "memory.swap.max" && has("memory.max") && !has(write.file)
    }

    private func missing(_ write: ControlWrite) -> SwiftletError {
        let offered = (try? controllers().sorted().joined(separator: " ")) ?? ""
        let inController = offered.split(separator: " ").contains { $0 == write.controller }
        return SwiftletError(
            .failedPrecondition,
            inController
                ? "\(write.meaning) needs \(write.file), which the \(write.controller) controller in \(path) does not have"
                : "\(write.meaning) needs the cgroup v2 \(write.controller) controller, which \(path) does not offer "
                    + "(cgroup.controllers: \(offered.isEmpty ? "none" : offered))",
            hint: inController
                ? nil : "boot with cgroup v2 alone (systemd.unified_cgroup_hierarchy=1) or drop the limit")
    }
}
