import Cgroups
import Errors
import Glibc
import LinuxSystem

/// Looks at the running kernel and at what this process may do. Changes nothing.
enum KernelProbe {
    static func findings() -> [Finding] {
        [user(), kernel(), architecture()] + cgroups() + [namespaces(), seccomp(), overlay(), capabilities()]
    }

    /// Empty when it cannot be read: then what it would tell of counts as absent.
    private static func text(_ path: String) -> String {
        guard let file = try? openFile(path, O_RDONLY), let bytes = try? readAll(file.raw) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func user() -> Finding {
        let id = geteuid()
        return id == 0
            ? Finding(name: "root", verdict: .ok, detail: "effective user is root")
            : Finding(name: "root", verdict: .missing, detail: "effective user is \(id)", fix: "run swiftletd as root")
    }

    /// cgroup.kill came with 5.14, the youngest thing the runtime cannot do without.
    private static func kernel() -> Finding {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        guard numbers.count == 2 else {
            return Finding(name: "kernel", verdict: .limited, detail: "Linux \(release), a version not understood")
        }
        let enough = (numbers[0], numbers[1]) >= (5, 14)
        return Finding(
            name: "kernel", verdict: enough ? .ok : .missing, detail: "Linux \(release)",
            fix: enough ? "" : "Linux 5.14 or newer is needed (clone3 into a cgroup, mount_setattr, cgroup.kill)")
    }

    private static func architecture() -> Finding {
        #if arch(x86_64)
            Finding(name: "architecture", verdict: .ok, detail: "amd64")
        #elseif arch(arm64)
            Finding(name: "architecture", verdict: .ok, detail: "arm64")
        #else
            Finding(name: "architecture", verdict: .limited, detail: "not tested on this one")
        #endif
    }

    private static func cgroups() -> [Finding] {
        let hierarchy: CgroupHierarchy
        do { hierarchy = try CgroupHierarchy.discover() } catch {
            return [Finding(name: "cgroup v2", verdict: .missing, detail: error.message, fix: error.hint ?? "")]
        }
        let listed = hierarchy.controllers.sorted().joined(separator: " ")
        var found = [
            Finding(
                name: "cgroup v2", verdict: .ok,
                detail: "\(hierarchy.mountPoint) (controllers: \(listed.isEmpty ? "none" : listed))")
        ]
        let uses = [
            ("memory", "memory limits, OOMKilled, memory in top"), ("cpu", "cpu requests and limits"),
            ("pids", "process limits"),
            ("cpuset", "pinning to processors"), ("hugetlb", "huge page limits"),
        ]
        for (controller, use) in uses {
            let here = hierarchy.controllers.contains(controller)
            found.append(
                Finding(
                    name: "controller \(controller)", verdict: here ? .ok : .limited,
                    detail: here ? use : "absent: no \(use)",
                    fix: here ? "" : fix(for: controller, hierarchy)))
        }
        return found
    }

    private static func fix(for controller: String, _ hierarchy: CgroupHierarchy) -> String {
        let v1 = text("/proc/self/cgroup")
        let taken = v1.split(separator: "\n").contains { line in
            line.split(separator: ":", omittingEmptySubsequences: false).dropFirst().first?.split(separator: ",")
                .contains { $0 == controller } == true
        }
        if taken {
            return "it is bound to cgroup v1: boot with systemd.unified_cgroup_hierarchy=1, or unmount it there"
        }
        return "use a kernel with it, or have it delegated (\(hierarchy.mountPoint)/cgroup.controllers)"
    }

    private static func namespaces() -> Finding {
        let wanted = ["mnt", "pid", "net", "uts", "ipc", "cgroup"]
        let lacking = wanted.filter { access("/proc/self/ns/\($0)", F_OK) != 0 }
        return lacking.isEmpty
            ? Finding(name: "namespaces", verdict: .ok, detail: wanted.joined(separator: " "))
            : Finding(
                name: "namespaces", verdict: .missing,
                detail: "the kernel has none of kind \(lacking.joined(separator: ", "))",
                fix: "use a kernel built with CONFIG_NAMESPACES")
    }

    private static func seccomp() -> Finding {
        access("/proc/sys/kernel/seccomp/actions_avail", F_OK) == 0
            ? Finding(name: "seccomp", verdict: .ok, detail: "filters")
            : Finding(
                name: "seccomp", verdict: .missing, detail: "no /proc/sys/kernel/seccomp",
                fix: "use a kernel with CONFIG_SECCOMP_FILTER, or run pods with seccompProfile Unconfined")
    }

    private static func overlay() -> Finding {
        let systems = text("/proc/filesystems")
        return systems.split(whereSeparator: \.isWhitespace).contains("overlay")
            ? Finding(name: "overlay", verdict: .ok, detail: "known to the kernel")
            : Finding(
                name: "overlay", verdict: .limited, detail: "unknown to the kernel: root file systems are copied",
                fix: "modprobe overlay")
    }

    private static func capabilities() -> Finding {
        let status = text("/proc/self/status")
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let bits = line.flatMap { UInt64($0.split(whereSeparator: \.isWhitespace).last ?? "", radix: 16) } ?? 0
        let lacks = { (names: [String]) in names.filter { Capability(named: $0).map { bits & $0.bit == 0 } ?? true } }
        let needed = lacks([
            "SYS_ADMIN", "NET_ADMIN", "MKNOD", "SETUID", "SETGID", "SETPCAP", "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL",
            "SYS_CHROOT",
        ])
        if !needed.isEmpty {
            return Finding(
                name: "capabilities", verdict: .missing, detail: "this process lacks \(needed.joined(separator: ", "))",
                fix: "run it with them (in a container: --privileged)")
        }
        let wanted = lacks(["SYS_RESOURCE"])
        return wanted.isEmpty
            ? Finding(name: "capabilities", verdict: .ok, detail: "all that pods need")
            : Finding(
                name: "capabilities", verdict: .limited,
                detail: "this process lacks SYS_RESOURCE: OOM scores cannot be lowered, resource limits not raised",
                fix: "run it with CAP_SYS_RESOURCE")
    }
}
