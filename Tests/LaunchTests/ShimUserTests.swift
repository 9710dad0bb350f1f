import Errors
import Glibc
import LinuxSystem
import Testing

@testable import Launch

/// Pods with a user namespace of their own.
extension ShimTests {
    private static let base: UInt32 = 6_553_600

    private func shim(sharedPID: Bool = false, _ change: (inout SandboxPlan) -> Void = { _ in }) throws -> ShimHarness {
        try ShimHarness { plan in
            plan.owners = IDMapping(base: Self.base)
            plan.sharedPID = sharedPID
            change(&plan)
        }
    }

    private func plan(_ shim: ShimHarness, _ id: String, _ script: String) throws -> LaunchPlan {
        let plan = try shim.shell(id, script)
        // As the image store does it: an upper directory is not mapped.
        #expect(chown("\(plan.recordDirectory)/upper", Self.base, Self.base) == 0)
        return plan
    }

    /// The namespaces of a process by name, and of the one they belong to.
    private func namespace(_ pid: Int32, _ name: String) throws -> UInt64 {
        let file = try openFile("/proc/\(pid)/ns/\(name)", O_RDONLY)
        return UInt64(try status(file.raw).st_ino)
    }

    @Test func rootOfThePodIsNotTheHosts() throws {
        let shim = try self.shim()
        let script = "cat /proc/self/uid_map /proc/self/gid_map; echo $$; sleep 100"
        let pid = try shim.start(try self.plan(shim, "a", script))
        let status = try shim.text("/proc/\(pid)/status")
        #expect(status.contains("Uid:\t\(Self.base)\t\(Self.base)\t\(Self.base)\t\(Self.base)\n"))
        #expect(status.contains("NSpid:\t\(pid)\t1\n"))
        for name in ["user", "pid", "mnt", "cgroup"] {
            #expect(try namespace(pid, name) != namespace(getpid(), name), "\(name)")
            if name != "pid" { #expect(try namespace(pid, name) != namespace(shim.pid, name), "\(name)") }
        }
        for name in ["net", "ipc", "uts"] { #expect(try namespace(pid, name) == namespace(shim.pid, name), "\(name)") }
        #expect(try namespace(shim.pid, "user") == namespace(getpid(), "user"))
        let found = try shim.exec("a", "e", ["sh", "-c", "id -u; cat /proc/self/uid_map; stat -c %u:%g /bin/busybox"])
        #expect(found.output.split(whereSeparator: \.isWhitespace) == ["0", "0", "6553600", "65536", "0:0"])
        _ = try shim.connection.request(.signal(id: "a", number: 9))
        #expect(try shim.exit(of: "a").code == 137)
    }

    @Test func ownsItsNamespacesAndNothingElse() throws {
        let shim = try shim {
            $0.sysctls = [.init("kernel.shmmni", "77"), .init("net.ipv4.ping_group_range", "0 65535")]
        }
        var plan = try self.plan(
            shim, "a",
            """
            hostname other && hostname; cat /proc/sys/kernel/shmmni; ip link set lo down && echo down
            mount -t tmpfs t /sys && echo mounted; mount -t proc p /sys && echo proc; mknod /x b 7 0 || echo no-node
            echo 1 >/proc/sys/kernel/panic || echo no-panic; kill -9 \(shim.pid) || echo no-kill
            echo x >/dev/null && echo null; head -c 3 /dev/zero | wc -c
            """)
        for keyPath in [\CapabilitySets.bounding, \.effective, \.permitted] {
            plan.process.capabilities[keyPath: keyPath] = .max
        }
        let lines = try shim.run(plan).lines
        for line in ["other", "77", "down", "mounted", "proc", "no-node", "no-panic", "no-kill", "null", "3"] {
            #expect(lines.contains("o:\(line)"), "\(line) of \(lines)")
        }
    }

    @Test func filesBelongToThePodsIds() throws {
        let shim = try self.shim()
        let volume = "\(shim.directory)/volume"
        try check(mkdir(volume, 0o777), "mkdir")
        try check(chmod(volume, 0o777), "chmod")
        try check(mkdir("\(volume)/theirs", 0o755), "mkdir")
        try check(chown("\(volume)/theirs", 1000, 1000), "chown")
        var plan = try self.plan(
            shim, "a",
            "stat -c %u:%g /v /v/theirs /unmapped/theirs /; touch /v/mine /root-file; stat -c %u /v/mine; chmod 4755 /v/mine"
        )
        plan.mounts += [
            MountPlan(
                .bind(path: volume, beneath: nil, recursive: true), at: "/v", attributes: [.mappedOwners, .noDev]),
            MountPlan(.bind(path: volume, beneath: nil, recursive: true), at: "/unmapped"),
        ]
        #expect(try shim.run(plan).lines == ["o:0:0", "o:1000:1000", "o:65534:65534", "o:0:0", "o:0"])
        #expect(try owner("\(volume)/mine") == 0)
        #expect(try owner("\(plan.recordDirectory)/upper/root-file") == Self.base)
        var user = try self.plan(shim, "b", "id -u; touch /v/his; echo x >/dev/stdout")
        user.mounts.append(plan.mounts[plan.mounts.count - 2])
        user.links.append(LinkPlan(path: "/dev/stdout", target: "/proc/self/fd/1"))
        user.process.user = 1000
        user.process.group = 1000
        #expect(try shim.run(user).lines == ["o:1000", "o:x"])
        #expect(try owner("\(volume)/his") == 1000)
    }

    private func owner(_ path: String) throws -> UInt32 {
        let file = try openFile(path, openPathOnly)
        return try status(file.raw).st_uid
    }

    @Test func aTerminalIsTheUsersOwn() throws {
        let shim = try self.shim()
        var plan = try self.plan(shim, "a", "tty; stat -c %u $(tty); echo err >&2")
        plan.io.terminal = true
        plan.process.user = 1000
        #expect(try shim.run(plan).lines.map { $0.filter { $0 != "\r" } } == ["o:/dev/pts/0", "o:1000", "o:err"])
    }

    @Test func aSharedPIDNamespaceBelongsToThePod() throws {
        let shim = try self.shim(sharedPID: true)
        var plan = try self.plan(
            shim, "a", "cat /proc/1/comm; kill -9 1; kill -0 1 && echo lives; mount -t proc p /sys && echo proc")
        plan.pidNamespace = .pod
        for keyPath in [\CapabilitySets.bounding, \.effective, \.permitted] {
            plan.process.capabilities[keyPath: keyPath] = .max
        }
        #expect(try shim.run(plan).lines == ["o:swiftlet-init", "o:lives", "o:proc"])
    }

    @Test func aFileSystemThatCannotBeMappedIsNamed() throws {
        let shim = try self.shim()
        var plan = try self.plan(shim, "a", "echo never")
        plan.mounts.append(
            MountPlan(.bind(path: "/proc/tty", beneath: nil, recursive: true), at: "/v", attributes: .mappedOwners))
        guard case .failed(let failure) = try shim.connection.request(.start(plan)).reply else {
            Issue.record("it started")
            return
        }
        #expect(failure.message.contains("its file system, proc, cannot show its files with other owners"))
        #expect(failure.step == "bind /proc/tty at /v")
    }

    @Test func aCommandThatCannotStart() throws {
        let shim = try self.shim()
        let plan = try self.plan(shim, "a", "")
        var missing = plan
        missing.process.arguments = ["/no/such"]
        guard case .failed(let failure) = try shim.connection.request(.start(missing)).reply else {
            Issue.record("it started")
            return
        }
        #expect(failure.exitCode == 127)
        #expect(try shim.exit(of: "a").failure?.exitCode == 127)
    }
}
