import Errors
import Glibc
import LinuxSystem
import Testing

@testable import Launch

/// Real containers under the real shim. More in the files beside: one a subject.
@Suite(.enabled(if: ShimHarness.missing == nil, "\(ShimHarness.missing ?? "")"), .serialized)
struct ShimTests {}

extension ShimTests {
    @Test func outputAndExitCode() throws {
        let shim = try ShimHarness()
        let result = try shim.run(try shim.shell("a", "echo one; echo two >&2; printf three; exit 7"))
        #expect(result.code == 7)
        #expect(Set(result.lines) == ["o:one", "e:two", "o+:three"])
        #expect(try ExitFile.read(recordDirectory: "\(shim.directory)/a")?.code == 7)
    }

    @Test(arguments: [
        (["/nope"], 127, "no such file"), (["nope"], 127, "not found in $PATH"), (["/bin"], 126, "is a directory"),
        (["/plain"], 126, "permission denied"), (["/garbage"], 126, "exec format error"),
        (["/script"], 127, "interpreter"), (["/plain/x"], 127, "not a directory"),
    ])
    func commandsThatCannotStart(command: [String], code: Int32, text: String) throws {
        let shim = try ShimHarness()
        let plan = try shim.plan("a", command)
        let upper = "\(plan.recordDirectory)/upper"
        for (name, content, mode) in [
            ("plain", "text", 0o644), ("garbage", "\u{1}\u{2}", 0o755), ("script", "#!/none\n", 0o755),
        ] {
            let file = OwnedDescriptor(
                owning: try check(open("\(upper)/\(name)", O_WRONLY | O_CREAT | O_CLOEXEC, mode_t(mode)), "open"))
            try writeAll(file.raw, content)
        }
        guard case .failed(let failure) = try shim.connection.request(.start(plan)).reply else {
            Issue.record("it started")
            return
        }
        #expect(failure.exitCode == code)
        #expect(failure.message.contains(text), "\(failure.message)")
        let record = try #require(try ExitFile.read(recordDirectory: plan.recordDirectory))
        #expect(record.failure == failure)
        #expect(record.code == code)
    }

    @Test func signalsGive128PlusNumber() throws {
        let shim = try ShimHarness()
        try shim.start(try shim.plan("a", ["sleep", "1000"]))
        _ = try shim.connection.request(.signal(id: "a", number: SIGKILL))
        let record = try shim.exit(of: "a")
        #expect(record.code == 137)
        #expect(record.signal == SIGKILL)
        guard case .failed(let failure) = try shim.connection.request(.signal(id: "a", number: SIGTERM)).reply else {
            Issue.record("a signal to a process that has ended")
            return
        }
        #expect(failure.errno == ESRCH)
    }

    @Test func identityAndLimitsAreAsPlanned() throws {
        let shim = try ShimHarness()
        var plan = try shim.shell(
            "a",
            "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:|SigIgn|SigBlk|SigCgt)' /proc/self/status; id -u; umask; ulimit -n; pwd; env; ls -l /proc/self/fd | wc -l; cat /proc/self/oom_score_adj; hostname"
        )
        plan.process.user = 1000
        plan.process.group = 1001
        plan.process.supplementaryGroups = [7, 8]
        plan.process.noNewPrivileges = true
        plan.process.resourceLimits = [ResourceLimit(resource: 7, soft: 512, hard: 512)]
        plan.process.workingDirectory = "/work/here"
        plan.process.createsWorkingDirectory = true
        plan.process.oomScoreAdjustment = 321
        plan.process.capabilities = CapabilitySets()
        plan.process.capabilities.bounding = 0x401
        plan.process.capabilities.permitted = 0x400
        plan.process.capabilities.effective = 0x400
        plan.process.capabilities.inheritable = 0x400
        plan.process.capabilities.ambient = 0x400
        let lines = try shim.run(plan).lines
        let expected = [
            "o:Uid:\t1000\t1000\t1000\t1000", "o:Gid:\t1001\t1001\t1001\t1001", "o:Groups:\t7 8 ",
            "o:CapInh:\t0000000000000400", "o:CapPrm:\t0000000000000400", "o:CapEff:\t0000000000000400",
            "o:CapBnd:\t0000000000000401", "o:CapAmb:\t0000000000000400", "o:NoNewPrivs:\t1", "o:Seccomp:\t0",
            "o:SigBlk:\t0000000000000000", "o:SigIgn:\t0000000000000000", "o:1000", "o:0022", "o:512", "o:/work/here",
            "o:321", "o:pod-host",
        ]
        for line in expected { #expect(lines.contains(line), "\(line) in \(lines)") }
        #expect(lines.contains("o:A=b"))
        #expect(lines.filter { $0.contains("SHLVL") || $0.contains("HOME") || $0.contains("SWIFT") }.count <= 1)
    }

    /// ALLOW all but uname(2), which gives EPERM: loaded with and without no-new-privileges.
    @Test(arguments: [true, false])
    func seccompFilter(noNewPrivileges: Bool) throws {
        let shim = try ShimHarness()
        var plan = try shim.shell("a", "grep -E '^(Seccomp:|NoNewPrivs|CapEff|CapPrm)' /proc/self/status")
        plan.process.noNewPrivileges = noNewPrivileges
        plan.process.user = 1000
        plan.process.capabilities.effective = 0
        plan.process.capabilities.permitted = 0
        func instruction(_ code: UInt16, _ jt: UInt8, _ jf: UInt8, _ k: UInt32) -> [UInt8] {
            [UInt8(code & 0xff), UInt8(code >> 8), jt, jf] + (0..<4).map { UInt8(truncatingIfNeeded: k >> (8 * $0)) }
        }
        plan.process.seccompFilter =
            instruction(0x20, 0, 0, 0) + instruction(0x15, 0, 1, 63) + instruction(0x06, 0, 0, 0x0005_0001)
            + instruction(0x06, 0, 0, 0x7fff_0000)
        let lines = try shim.run(plan).lines
        #expect(lines.contains("o:Seccomp:\t2"))
        #expect(lines.contains("o:NoNewPrivs:\t\(noNewPrivileges ? 1 : 0)"))
        #expect(lines.contains("o:CapEff:\t0000000000000000"))
        #expect(lines.contains("o:CapPrm:\t0000000000000000"))
    }

    @Test func ownNamespaces() throws {
        let shim = try ShimHarness()
        let result = try shim.run(
            try shim.shell(
                "a", "echo $$; readlink /proc/self/ns/net; cat /proc/self/cgroup; ls /sys/class/net; ls /sys/fs/cgroup")
        )
        #expect(result.lines.contains("o:1"))
        #expect(result.lines.contains("o:0::/"))
        #expect(result.lines.contains("o:lo"))
        #expect(result.lines.contains("o:cgroup.procs"))
        let shimNetwork = try link("/proc/\(shim.pid)/ns/net")
        #expect(result.lines.contains("o:\(shimNetwork)"))
        #expect(try link("/proc/self/ns/net") != shimNetwork)
    }

    @Test func hostNamespaces() throws {
        let shim = try ShimHarness { plan in
            plan.newNetwork = false
            plan.newIPC = false
            plan.newUTS = false
        }
        var plan = try shim.shell("a", "for n in net ipc uts pid; do readlink /proc/self/ns/$n; done")
        plan.pidNamespace = .node
        let lines = try shim.run(plan).lines
        for name in ["net", "ipc", "uts", "pid"] { #expect(lines.contains("o:\(try link("/proc/self/ns/\(name)"))")) }
    }

    @Test func sharedPIDNamespace() throws {
        let shim = try ShimHarness { $0.sharedPID = true }
        var first = try shim.plan("a", ["sleep", "1000"])
        first.pidNamespace = .pod
        try shim.start(first)
        var second = try shim.shell(
            "b",
            "ps -o pid,comm,args; ls /proc/1/root/ 2>&1 | wc -l; grep -E '^(Uid|CapPrm|CapBnd|NoNewPrivs)' /proc/1/status; (sleep 0.05 &); sleep 0.3; ps -o stat | grep -c Z"
        )
        second.pidNamespace = .pod
        let lines = try shim.run(second).lines
        #expect(lines.contains { $0.contains("1 swiftlet-init") }, "\(lines)")
        #expect(lines.contains { $0.contains("sleep 1000") })
        #expect(lines.contains("o:Uid:\t65535\t65535\t65535\t65535"))
        #expect(lines.contains("o:CapPrm:\t0000000000000000"))
        #expect(lines.last == "o:0", "zombies: \(lines)")
        var own = try shim.shell("c", "echo $$")
        own.pidNamespace = .container
        #expect(try shim.run(own).lines == ["o:1"])
        var beside = try shim.shell("d", "ps -o args")
        beside.pidNamespace = .target("a")
        #expect(try shim.run(beside).lines.contains { $0.contains("sleep 1000") })
    }

    @Test func sysctlsAndUnknownOnes() throws {
        let shim = try ShimHarness { plan in
            plan.sysctls = [.init("net.ipv4.ip_unprivileged_port_start", "0"), .init("kernel.shm_rmid_forced", "1")]
        }
        let lines = try shim.run(
            try shim.shell("a", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced")
        ).lines
        #expect(lines == ["o:0", "o:1"])
        #expect(throws: SwiftletError.self) { try ShimHarness { $0.sysctls = [.init("net.../../kernel.x", "1")] } }
    }

    @Test func restartedClientFindsEverything() throws {
        let shim = try ShimHarness()
        try shim.start(try shim.plan("live", ["sleep", "1000"]))
        _ = try shim.run(try shim.shell("dead", "exit 3"))
        let again = try ShimConnection(directory: shim.directory)
        guard case .state(let states) = try again.request(.state).reply else {
            Issue.record("no state")
            return
        }
        #expect(Set(states.map(\.id)) == ["live", "dead"])
        #expect(states.first { $0.id == "dead" }?.exit?.code == 3)
        #expect(states.first { $0.id == "live" }?.exit == nil)
        _ = try again.request(.forget(id: "dead"))
        guard case .failed = try again.request(.forget(id: "live")).reply else {
            Issue.record("forgot a live one")
            return
        }
        guard case .state(let left) = try again.request(.state).reply else { return }
        #expect(left.map(\.id) == ["live"])
    }

    @Test func hostileClientHarmsNobody() throws {
        let shim = try ShimHarness()
        for garbage in [[0xff, 0xff, 0xff, 0xff], [4, 0, 0, 0, 1, 2, 3, 4], [1, 0, 0, 0, 99], [3, 0]] as [[UInt8]] {
            let socket = try UnixSocket.connect(directory: shim.directory, name: "shim.sock")
            _ = try garbage.withBytes { (bytes) throws(SwiftletError) in try send(socket.raw, bytes) }
        }
        #expect(try shim.run(try shim.shell("a", "echo fine")).lines == ["o:fine"])
    }

    func link(_ path: String) throws -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        let count = try check(readlink(path, &buffer, 255), "readlink", path)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
