import Errors
import Glibc
import LinuxSystem

/// The machine's cgroup v2 hierarchy (Linux Documentation/admin-guide/cgroup-v2.rst): where it is mounted and which
/// controllers it offers. On a hybrid machine, where v1 holds most controllers, it is mounted elsewhere and offers few.
public struct CgroupHierarchy: Sendable {
    public let mountPoint: String
    /// What `cgroup.controllers` at the mount point lists.
    public let controllers: Set<String>

    /// Errors: `failedPrecondition` when no cgroup v2 is mounted.
    public static func discover(mountInfo: String = "/proc/self/mountinfo") throws(SwiftletError) -> CgroupHierarchy {
        var found: [String] = []
        for line in try readSmallFile(mountInfo).split(separator: "\n") {
            // proc_pid_mountinfo(5): … mount point (5th field) … - type source options
            let halves = line.split(separator: " - ", maxSplits: 1)
            guard halves.count == 2, halves[1].hasPrefix("cgroup2 ") else { continue }
            let fields = halves[0].split(separator: " ")
            if fields.count > 4 { found.append(String(fields[4])) }
        }
        guard let mountPoint = found.first(where: { $0.hasPrefix("/sys/fs/cgroup") }) ?? found.first else {
            throw SwiftletError(
                .failedPrecondition, "no cgroup v2 file system is mounted", operation: "find cgroups",
                hint: "mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup")
        }
        let names = try readSmallFile(mountPoint + "/cgroup.controllers").split(whereSeparator: \.isWhitespace)
        return CgroupHierarchy(mountPoint: mountPoint, controllers: Set(names.map(String.init)))
    }

    /// The cgroup `path` below the mount point, made where missing, with every controller there is handed down to its
    /// children. Below a delegated root (a container's) the processes in that root are moved to `init` first: cgroup v2
    /// hands controllers down only from a cgroup without processes.
    public func makeBase(_ path: String) throws(SwiftletError) -> Cgroup {
        let root = Cgroup(path: mountPoint)
        if try root.delegate() == .heldByProcesses {
            try evacuate(root)
            if try root.delegate() == .heldByProcesses {
                throw SwiftletError(
                    .failedPrecondition, "its processes keep it from handing controllers down",
                    operation: "delegate cgroup",
                    object: mountPoint, hint: "move the processes of its cgroup.procs into a child cgroup")
            }
        }
        return try root.createTree(path)
    }

    private func evacuate(_ root: Cgroup) throws(SwiftletError) {
        let leaf = root.child("init")
        try leaf.create()
        // A process may fork meanwhile: again until none is left, but not for ever.
        for _ in 0..<16 {
            let left = try root.processes()
            if left.isEmpty { return }
            for pid in left where pid > 0 {
                do { try leaf.write("cgroup.procs", "\(pid)") } catch
                    where error.errno == ESRCH || error.errno == EINVAL
                {
                    continue  // ended meanwhile, or a kernel thread, which cannot be moved
                }
            }
        }
    }
}
