import Errors
import Glibc
import LinuxSystem
import Synchronization
import Testing

@testable import Launch

/// A real shim with a busybox root, for tests: everything below one scratch directory and one scratch cgroup, both
/// removed at the end. Needs root, cgroup v2 somewhere, /bin/busybox and the built shim.
final class ShimHarness: Sendable {
    static let missing: String? = {
        if getuid() != 0 { return "needs root" }
        if cgroupRoot == nil { return "needs cgroup v2" }
        if access("/bin/busybox", X_OK) != 0 { return "needs busybox-static" }
        if shimPath == nil { return "needs the built swiftlet-shim beside the tests" }
        return nil
    }()

    static let applets = [
        "sh", "cat", "echo", "sleep", "id", "ls", "dd", "mount", "touch", "mkdir", "ps", "kill", "tty", "stty", "head",
        "yes", "seq", "env", "readlink", "stat", "grep", "wc", "true", "false", "rm", "sha256sum", "hostname", "tr",
        "mknod", "chmod", "umount", "ip", "sysctl", "ulimit", "sync", "awk", "printf", "cut", "df", "tail",
    ]

    static let cgroupRoot: String? = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].first {
        access("\($0)/cgroup.procs", F_OK) == 0
    }

    static let shimPath: String? = {
        if let path = getenv("SWIFTLET_SHIM") { return String(cString: path) }
        var parts = CommandLine.arguments[0].split(separator: "/", omittingEmptySubsequences: false)
        while !parts.isEmpty {
            parts.removeLast()
            let path = (parts + ["swiftlet-shim"]).joined(separator: "/")
            if access(path, X_OK) == 0 { return path }
        }
        return nil
    }()

    let directory: String
    let cgroup: String
    let connection: ShimConnection
    let pid: Int32
    private let events = Mutex<[ShimEvent]>([])
    private let monitor = Mutex<ShimMonitor?>(nil)

    init(_ change: (inout SandboxPlan) -> Void = { _ in }) throws {
        let name = "swiftlet-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let base = getenv("SWIFTLET_TEST_DIR").map { String(cString: $0) } ?? "/tmp"
        directory = "\(base)/\(name)"
        cgroup = "\(try #require(ShimHarness.cgroupRoot))/\(name)"
        for path in [directory, "\(directory)/layers", "\(directory)/layers/a", "\(directory)/layers/a/bin", cgroup] {
            try check(mkdir(path, 0o755), "mkdir", path)
        }
        try ShimHarness.copy("/bin/busybox", "\(directory)/layers/a/bin/busybox")
        for applet in ShimHarness.applets {
            try check(symlink("busybox", "\(directory)/layers/a/bin/\(applet)"), "symlink")
        }
        try check(mkdir("\(cgroup)/shim", 0o755), "mkdir")
        let executable = try SealedExecutable(copying: try #require(ShimHarness.shimPath), name: "swiftlet-shim")
        let log: OwnedDescriptor? = OwnedDescriptor(
            owning: try check(open("\(directory)/shim.log", O_WRONLY | O_CREAT, 0o600), "open"))
        let process = try ShimSpawner.spawn(
            executable: executable, sandboxID: name, directory: directory, cgroup: "\(cgroup)/shim", log: log,
            oomScoreAdjustment: 0)
        pid = process.pid
        connection = try ShimConnection(directory: directory)
        var plan = SandboxPlan()
        plan.id = name
        plan.cgroup = cgroup + "/shim"
        plan.hostname = "pod-host"
        change(&plan)
        guard case .ready(let ready) = try connection.request(.setUp(plan)).reply else {
            throw SwiftletError(.internal, "not ready")
        }
        #expect(ready == process.pid)
        let watcher = try ShimMonitor { [weak self] notice in
            guard let self, case .event(_, let event) = notice else { return }
            events.withLock { $0.append(event) }
        }
        try watcher.add(sandboxID: name, directory: directory, process: process)
        monitor.withLock { $0 = watcher }
    }

    deinit {
        _ = try? connection.request(.shutDown)
        ShimHarness.retryRemoving(cgroup)
        if let parent = try? openDirectory(String(directory[..<(directory.lastIndex(of: "/") ?? directory.startIndex)]))
        {
            try? removeTree(at: parent.raw, String(directory.split(separator: "/").last ?? ""))
        }
        monitor.withLock { $0?.stop() }
    }

    /// A plan as the runtime would make it, running `command` by sh.
    func plan(_ id: String, _ command: [String]) throws -> LaunchPlan {
        var plan = LaunchPlan()
        plan.id = id
        plan.recordDirectory = "\(directory)/\(id)"
        plan.cgroup = "\(cgroup)/\(id)"
        for path in [
            plan.recordDirectory, plan.cgroup, "\(plan.recordDirectory)/upper", "\(plan.recordDirectory)/work",
        ] {
            try check(mkdir(path, 0o755), "mkdir", path)
        }
        plan.rootFilesystem = .overlay(
            layersDirectory: "\(directory)/layers", lowers: ["a"], upper: "\(plan.recordDirectory)/upper",
            work: "\(plan.recordDirectory)/work")
        plan.mounts = [
            MountPlan(
                .filesystem(type: "proc", source: "proc", options: []), at: "/proc",
                attributes: [.noSuid, .noDev, .noExec]),
            MountPlan(
                .filesystem(type: "tmpfs", source: "tmpfs", options: [.init("mode", "755"), .init("size", "65536k")]),
                at: "/dev", attributes: [.noSuid, .strictAccessTime]),
            MountPlan(
                .filesystem(
                    type: "devpts", source: "devpts",
                    options: [
                        .init("newinstance"), .init("ptmxmode", "0666"), .init("mode", "0620"), .init("gid", "5"),
                    ]), at: "/dev/pts", attributes: [.noSuid, .noExec]),
            MountPlan(
                .filesystem(type: "sysfs", source: "sysfs", options: []), at: "/sys",
                attributes: [.readOnly, .noSuid, .noDev, .noExec]),
            MountPlan(
                .filesystem(type: "cgroup2", source: "cgroup", options: []), at: "/sys/fs/cgroup",
                attributes: [.readOnly, .noSuid, .noDev, .noExec]),
        ]
        for (name, minor) in [("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)]
            as [(String, UInt32)]
        {
            plan.devices.append(DevicePlan(path: "/dev/\(name)", hostPath: "/dev/\(name)", major: 1, minor: minor))
        }
        plan.links = [
            LinkPlan(path: "/dev/fd", target: "/proc/self/fd"), LinkPlan(path: "/dev/ptmx", target: "pts/ptmx"),
        ]
        plan.process.arguments = command
        plan.process.environment = ["PATH=/bin", "A=b"]
        for keyPath in [\CapabilitySets.bounding, \.effective, \.permitted] {
            plan.process.capabilities[keyPath: keyPath] = 0xa804_25fb
        }
        plan.io.logPath = "\(plan.recordDirectory)/log"
        return plan
    }

    func shell(_ id: String, _ script: String) throws -> LaunchPlan { try plan(id, ["sh", "-c", script]) }

    @discardableResult
    func start(_ plan: LaunchPlan) throws -> Int32 {
        switch try connection.request(.start(plan)).reply {
        case .started(let pid): return pid
        case let other: throw SwiftletError(.internal, "\(other)")
        }
    }

    /// Runs it to its end: the code and what it wrote, a line `o:text` or `e:text` each.
    func run(_ plan: LaunchPlan) throws -> (code: Int32, lines: [String]) {
        try start(plan)
        let record = try exit(of: plan.id)
        return (record.code, try lines(plan))
    }

    /// Waits for the event.
    func exit(of id: String, isExec: Bool = false) throws -> ExitRecord {
        let deadline = monotonicNanoseconds() + 120_000_000_000
        while monotonicNanoseconds() < deadline {
            let found = events.withLock { events in
                events.compactMap { event -> ExitRecord? in
                    guard case .exited(id, isExec, let record) = event else { return nil }
                    return record
                }.first
            }
            if let found { return found }
            usleep(1000)
        }
        throw SwiftletError(.deadlineExceeded, "\(id) does not end; \(try text("\(directory)/shim.log"))")
    }

    func lines(_ plan: LaunchPlan) throws -> [String] {
        try text(plan.io.logPath ?? "").split(separator: "\n").map { line in
            let fields = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
            let mark = fields[2] == "P" ? "+" : ""
            return "\(fields[1].prefix(4) == "stdo" ? "o" : "e")\(mark):\(fields.count > 3 ? fields[3] : "")"
        }
    }

    func text(_ path: String) throws -> String {
        let file = try openFile(path, O_RDONLY)
        return String(decoding: try readAll(file.raw, limit: 1 << 30), as: UTF8.self)
    }

    /// An exec without terminal: code and output, both streams together.
    func exec(_ container: String, _ id: String, _ command: [String], _ change: (inout ExecPlan) -> Void = { _ in })
        throws -> (code: Int32, output: String)
    {
        let plan = try execPlan(container, id, command, change)
        let output = try PipeEnds()
        let null = try openFile("/dev/null", O_RDONLY)
        let answer = try connection.request(
            .exec(plan), descriptors: [null.raw, output.write.raw, output.write.raw])
        guard case .started = answer.reply else { throw SwiftletError(.internal, "\(answer.reply)") }
        let writeEnd = output.write
        let readEnd = output.read
        _ = consume writeEnd
        let bytes = try readAll(readEnd.raw, limit: 1 << 30)
        let record = try exit(of: id, isExec: true)
        rmdir(plan.cgroup)
        return (record.code, String(decoding: bytes, as: UTF8.self))
    }

    func execPlan(_ container: String, _ id: String, _ command: [String], _ change: (inout ExecPlan) -> Void = { _ in })
        throws -> ExecPlan
    {
        var plan = ExecPlan()
        plan.id = id
        plan.containerID = container
        plan.cgroup = "\(cgroup)/\(container)/\(id)"
        try check(mkdir(plan.cgroup, 0o755), "mkdir", plan.cgroup)
        plan.process.arguments = command
        plan.process.environment = ["PATH=/bin"]
        for keyPath in [\CapabilitySets.bounding, \.effective, \.permitted] {
            plan.process.capabilities[keyPath: keyPath] = 0xa804_25fb
        }
        change(&plan)
        return plan
    }

    private static func copy(_ from: String, _ to: String) throws {
        let program = try openFile(from, O_RDONLY)
        let bytes = try readAll(program.raw, limit: 64 << 20)
        let file = OwnedDescriptor(owning: try check(open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0o755), "open", to))
        try bytes.withBytes { (bytes) throws(SwiftletError) in try writeAll(file.raw, bytes) }
    }

    private static func retryRemoving(_ cgroup: String) {
        if let directory = try? openFile(cgroup, O_RDONLY | O_DIRECTORY),
            let names = try? directoryEntries(directory.raw)
        {
            for name in names {
                if access("\(cgroup)/\(name)/cgroup.procs", F_OK) == 0 { retryRemoving("\(cgroup)/\(name)") }
            }
        }
        // Busy until the last process is reaped.
        for _ in 0..<2000 where rmdir(cgroup) < 0 && errno == EBUSY { usleep(1000) }
    }
}
