import Errors
import Glibc
import LinuxSystem
import Testing

@testable import Launch

/// Output, input, terminals and execs.
extension ShimTests {
    @Test func bigOutputComesWhole() throws {
        let shim = try ShimHarness()
        let plan = try shim.shell("a", "seq 1 200000; echo end >&2")
        #expect(try shim.run(plan).code == 0)
        var expected = 1
        var ends = 0
        for line in try shim.text(try #require(plan.io.logPath)).split(separator: "\n") {
            let text = line.dropFirst(31)
            if text == "stderr F end" {
                ends += 1
            } else {
                guard text == "stdout F \(expected)" else {
                    Issue.record("\(line) instead of \(expected)")
                    return
                }
                expected += 1
            }
        }
        #expect(expected == 200_001)
        #expect(ends == 1)
    }

    @Test func binaryOutputComesWhole() throws {
        let shim = try ShimHarness()
        let plan = try shim.shell("a", "head -c 400000 /dev/urandom | tr -d '\\r' >/x; sha256sum </x >&2; cat /x")
        #expect(try shim.run(plan).code == 0)
        let file = try openFile(try #require(plan.io.logPath), O_RDONLY)
        var raw: [UInt8] = []
        var sum = ""
        for line in try readAll(file.raw, limit: 1 << 30).split(separator: 0x0a, omittingEmptySubsequences: false)
        where !line.isEmpty {
            let rest = line.dropFirst(31)
            if rest.starts(with: "stderr".utf8) {
                sum = String(decoding: rest.dropFirst(9), as: UTF8.self)
            } else {
                raw += rest.dropFirst(9)
                if rest.dropFirst(7).first == UInt8(ascii: "F") { raw.append(0x0a) }
            }
        }
        let copy = OwnedDescriptor(
            owning: try check(open("\(plan.recordDirectory)/upper/y", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644), "open"))
        try raw.withBytes { (bytes) throws(SwiftletError) in try writeAll(copy.raw, bytes) }
        var again = try shim.shell("b", "sha256sum </y")
        again.rootFilesystem = .overlay(
            layersDirectory: "\(shim.directory)/layers", lowers: ["a"], upper: "\(plan.recordDirectory)/upper",
            work: "\(again.recordDirectory)/work")
        #expect(try shim.run(again).lines == ["o:\(sum)"])
    }

    @Test func reopenedLogContinues() throws {
        let shim = try ShimHarness()
        let plan = try shim.shell("a", "echo before; cat /dev/pipe 2>/dev/null; read x; echo after")
        var withInput = plan
        withInput.io.standardInput = true
        try shim.start(withInput)
        let log = try #require(plan.io.logPath)
        while try shim.lines(withInput).isEmpty { usleep(1000) }
        try check(rename(log, log + ".1"), "rename")
        guard case .done = try shim.connection.request(.reopenLog(id: "a")).reply else {
            Issue.record("not reopened")
            return
        }
        try attachInput(shim, "a", "go\n")
        _ = try shim.exit(of: "a")
        #expect(try shim.lines(withInput) == ["o:after"])
        #expect(try shim.text(log + ".1").hasSuffix("stdout F before\n"))
    }

    @Test(arguments: [true, false])
    func inputByAttach(once: Bool) throws {
        let shim = try ShimHarness()
        var plan = try shim.shell("a", "while read x; do echo got $x; [ $x = stop ] && exit 4; done; echo over")
        plan.io.standardInput = true
        plan.io.standardInputOnce = once
        try shim.start(plan)
        try attachInput(shim, "a", "one\n")
        if once {
            #expect(try shim.exit(of: "a").code == 0)
            #expect(try shim.lines(plan) == ["o:got one", "o:over"])
        } else {
            try attachInput(shim, "a", "stop\n")
            #expect(try shim.exit(of: "a").code == 4)
            #expect(try shim.lines(plan) == ["o:got one", "o:got stop"])
        }
    }

    @Test func inputLargerThanAnyBuffer() throws {
        let shim = try ShimHarness()
        var plan = try shim.shell("a", "sleep 0.2; wc -c")
        plan.io.standardInput = true
        plan.io.standardInputOnce = true
        try shim.start(plan)
        try attachInput(shim, "a", String(repeating: "x", count: 5_000_000))
        #expect(try shim.exit(of: "a").code == 0)
        #expect(try shim.lines(plan) == ["o:5000000"])
    }

    @Test func attachedOutputAndSlowClient() throws {
        let shim = try ShimHarness()
        // In two parts: each fits what waits for a client, so that the fast one is never too far behind, and the slow one is.
        var plan = try shim.shell("a", "read x; seq 100000 199999; read x; seq 200000 299999; echo last")
        plan.io.standardInput = true
        try shim.start(plan)
        let fast = try PipeEnds()
        let slow = try PipeEnds()
        for pipe in [fast.write.raw, slow.write.raw] {
            _ = try shim.connection.request(
                .attach(id: "a", input: false, output: true, error: false), descriptors: [pipe])
        }
        let fastWrite = fast.write
        _ = consume fastWrite
        let fastRead = fast.read
        try attachInput(shim, "a", "go\n")
        var part = [UInt8](repeating: 0, count: 700_000)
        var count = 0
        while count < part.count {
            count += try check(
                part.withUnsafeMutableBytes { read(fastRead.raw, $0.baseAddress.map { $0 + count }, $0.count - count) },
                "read")
        }
        try attachInput(shim, "a", "go\n")
        let rest = try readAll(fastRead.raw, limit: 1 << 30)
        #expect(part.starts(with: Array("100000\n".utf8)))
        #expect(rest.count == 700_005)
        #expect(try shim.exit(of: "a").code == 0)
        #expect(try shim.lines(plan).count == 200_001)
    }

    @Test func terminal() throws {
        let shim = try ShimHarness()
        var plan = try shim.shell(
            "a",
            "tty; stty size; [ -e /dev/console ] && echo console; read x; echo got $x; stty size; ps -o tty | tail -1")
        plan.io.terminal = true
        plan.io.standardInput = true
        try shim.start(plan)
        guard case .done = try shim.connection.request(.resize(id: "a", TerminalSize(columns: 101, rows: 33))).reply
        else {
            Issue.record("not resized")
            return
        }
        while try !shim.lines(plan).contains("o:console") { usleep(1000) }
        try attachInput(shim, "a", "hello\n")
        #expect(try shim.exit(of: "a").code == 0)
        let lines = try shim.lines(plan)
        for line in ["o:/dev/pts/0", "o:console", "o:got hello", "o:33 101"] {
            #expect(lines.contains(line), "\(lines)")
        }
    }

    @Test func execs() throws {
        let shim = try ShimHarness()
        try shim.start(try shim.shell("a", "echo marker >/file; sleep 1000"))
        while try shim.exec("a", "e\(UInt32.random(in: 0 ... .max))", ["cat", "/file"]).output != "marker\n" {
            usleep(1000)
        }
        let result = try shim.exec(
            "a", "e1", ["sh", "-c", "cat /file; echo $$ >&2; ps -o args; cat /proc/self/cgroup; exit 9"])
        #expect(result.code == 9)
        #expect(result.output.contains("marker\n"))
        #expect(result.output.contains("sleep 1000"))
        #expect(result.output.contains("0::/e1"))
        let user = try shim.exec("a", "e2", ["id"]) { plan in
            plan.process.user = 12
            plan.process.group = 34
            plan.process.capabilities = CapabilitySets()
        }
        #expect(user.output == "uid=12 gid=34 groups=34\n" || user.output.hasPrefix("uid=12 gid=34"))
        let plan = try shim.execPlan("a", "e3", ["nope"])
        let null = try openFile("/dev/null", O_RDWR)
        let answer = try shim.connection.request(.exec(plan), descriptors: [null.raw, null.raw, null.raw])
        guard case .failed(let failure) = answer.reply else {
            Issue.record("nope started")
            return
        }
        #expect(failure.exitCode == 127)
        _ = try shim.connection.request(.signal(id: "a", number: SIGKILL))
        _ = try shim.exit(of: "a")
        let late = try shim.connection.request(.exec(plan), descriptors: [null.raw, null.raw, null.raw])
        guard case .failed(let gone) = late.reply else {
            Issue.record("exec in a dead container")
            return
        }
        #expect(gone.errno == ESRCH)
    }

    @Test func execWithTerminal() throws {
        let shim = try ShimHarness()
        try shim.start(try shim.plan("a", ["sleep", "1000"]))
        var plan = try shim.execPlan("a", "e", ["sh", "-c", "tty; stty size; read x; echo got $x; exit 5"])
        plan.terminal = TerminalSize(columns: 120, rows: 40)
        let answer = try shim.connection.request(.exec(plan))
        guard case .started = answer.reply else {
            Issue.record("\(answer.reply)")
            return
        }
        guard let master = answer.takeDescriptor() else {
            Issue.record("no terminal came")
            return
        }
        try writeAll(master.raw, "abc\n")
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(master.raw, &buffer, buffer.count)
            if count <= 0 { break }
            text += String(decoding: buffer[..<count], as: UTF8.self)
        }
        #expect(text.contains("/dev/pts/0"))
        #expect(text.contains("40 120"))
        #expect(text.contains("got abc"))
        #expect(try shim.exit(of: "e", isExec: true).code == 5)
        rmdir(plan.cgroup)
    }

    @Test func fullDiskLosesNothing() throws {
        let shim = try ShimHarness()
        let logs = "\(shim.directory)/logs"
        try check(mkdir(logs, 0o755), "mkdir")
        try check(mount("tmpfs", logs, "tmpfs", 0, "size=1m"), "mount")
        defer { umount2(logs, 2) }
        var filler: OwnedDescriptor? = OwnedDescriptor(
            owning: try check(open("\(logs)/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600), "open"))
        try check(posix_fallocate(filler?.raw ?? -1, 0, 1_000_000) == 0 ? 0 : -1, "fallocate")
        filler = nil
        var plan = try shim.shell("a", "seq 1 3000; exit 6")
        plan.io.logPath = "\(logs)/log"
        try shim.start(plan)
        #expect(try shim.exit(of: "a").code == 6)
        #expect(try shim.text("\(logs)/log").split(separator: "\n").count < 3000)
        unlink("\(logs)/filler")
        while try !shim.text("\(logs)/log").hasSuffix(" F 3000\n") { usleep(1000) }
        #expect(try shim.lines(plan) == (1...3000).map { "o:\($0)" })
    }

    @Test func descendantsMayOutliveTheContainer() throws {
        let shim = try ShimHarness()
        var plan = try shim.shell("a", "(read x </volume/gate; echo late) & echo early; exit 2")
        plan.pidNamespace = .node
        // Not in the root filesystem: a FIFO reached through an overlay is another than the one below it.
        let gate = "\(shim.directory)/gate"
        plan.mounts.append(MountPlan(.bind(path: shim.directory, beneath: nil, recursive: false), at: "/volume"))
        try check(mkfifo(gate, 0o600), "mkfifo")
        try shim.start(plan)
        #expect(try shim.exit(of: "a").code == 2)
        #expect(try shim.lines(plan) == ["o:early"])
        let opened = try openFile(gate, O_WRONLY)
        try writeAll(opened.raw, "go\n")
        while try shim.lines(plan).count < 2 { usleep(1000) }
        #expect(try shim.lines(plan) == ["o:early", "o:late"])
    }

    /// Sends `text` as standard input and ends.
    func attachInput(_ shim: ShimHarness, _ id: String, _ text: String) throws {
        let pipe = try PipeEnds()
        let reply = try shim.connection.request(
            .attach(id: id, input: true, output: false, error: false), descriptors: [pipe.read.raw]
        ).reply
        guard case .done = reply else { throw SwiftletError(.internal, "\(reply)") }
        try writeAll(pipe.write.raw, text)
    }
}
