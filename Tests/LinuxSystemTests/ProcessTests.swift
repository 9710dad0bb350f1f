import Errors
import Glibc
import LinuxSystem
import Testing

/// Starting, waiting, descriptors and sockets.
struct ProcessTests {
    @Test func startsWithNothingInherited() throws {
        // Inheritable on purpose: the child must not have it.
        let leaked = open("/dev/null", O_RDONLY)
        defer { close(leaked) }
        setenv("LEAKED", "yes", 1)
        signal(SIGUSR1, SIG_IGN)
        let output = try run(
            "/bin/sh",
            [
                "-c",
                "ls /proc/self/fd; env; grep -E '^Sig(Ign|Blk)' /proc/self/status; echo sid $$; cut -d' ' -f6 /proc/$$/stat; kill -9 $$",
            ])
        let lines = output.text.split(separator: "\n").map(String.init)
        // 0, 1, 2 and the directory being listed.
        #expect(lines.prefix(4).joined(separator: " ") == "0 1 2 3")
        #expect(!output.text.contains("LEAKED"))
        #expect(lines.contains("SigIgn:\t0000000000000000"))
        #expect(lines.contains("SigBlk:\t0000000000000000"))
        #expect(output.exit == ProcessExit(code: 137, signal: 9))
        let session = lines.first { $0.hasPrefix("sid ") }?.dropFirst(4)
        #expect(lines.last == session.map(String.init))
    }

    @Test func exitCodesAndFailures() throws {
        #expect(try run("/bin/sh", ["-c", "exit 42"]).exit == ProcessExit(code: 42, signal: 0))
        let file = try openFile("/etc/passwd", O_RDONLY)
        let error = #expect(throws: SwiftletError.self) {
            _ = try ProcessSpawn(executable: file.raw, arguments: ["x"], descriptors: [0, 1, 2]).start()
        }
        #expect(error?.errno == EACCES)
    }

    @Test func waitsAndSignalsByHandle() throws {
        let program = try openFile("/bin/sleep", O_RDONLY)
        let process = try ProcessSpawn(executable: program.raw, arguments: ["sleep", "1000"], descriptors: [0, 1, 2])
            .start()
        #expect(try process.wait(timeoutMilliseconds: 0) == false)
        #expect(try process.reap() == nil)
        try process.signal(SIGTERM)
        #expect(try process.wait())
        #expect(try process.reap() == ProcessExit(code: 143, signal: 15))
        let gone = #expect(throws: SwiftletError.self) { try process.signal(SIGTERM) }
        #expect(gone?.errno == ESRCH)
    }

    @Test(.enabled(if: geteuid() == 0, "mounts: needs root")) func sealedExecutableCannotBeChanged() throws {
        let program = try SealedExecutable(copying: "/bin/sleep", name: "sealed")
        // As whoever runs it sees it, with all rights.
        let link = "/proc/self/fd/\(program.raw)"
        #expect(open(link, O_RDWR) < 0 && errno == EROFS)
        #expect(truncate(link, 0) < 0 && errno == EROFS)
        #expect(chmod(link, 0) < 0 && errno == EROFS)
        #expect(fchmod(program.raw, 0) < 0 && errno == EROFS)
        #expect(fchown(program.raw, 1, 1) < 0 && errno == EROFS)
        let process = try ProcessSpawn(executable: program.raw, arguments: ["sleep", "0"], descriptors: [0, 1, 2])
            .start()
        #expect(try process.wait())
        #expect(try process.reap() == ProcessExit(code: 0, signal: 0))
    }

    @Test func socketsPassDescriptors() throws {
        let pair = try SocketPair()
        let pipe = try PipeEnds()
        let sent = try bytes([1, 2, 3]) { try send(pair.first.raw, $0, descriptors: [pipe.write.raw]) }
        #expect(sent == 3)
        var buffer = [UInt8](repeating: 0, count: 2)
        let receipt = try #require(try mutable(&buffer) { try receive(pair.second.raw, into: $0) })
        #expect(receipt.count == 2)
        let end = OwnedDescriptor(owning: try #require(receipt.descriptors.first))
        try writeAll(end.raw, "through")
        #expect(try bytesReadable(pipe.read.raw) == 7)
        #expect(fcntlFlags(end.raw) & FD_CLOEXEC != 0)
    }

    @Test func listensAtLongPathsForTheOwnerOnly() throws {
        let scratch = try Scratch([:])
        let directory = "\(scratch.path)/\(String(repeating: "d", count: 200))"
        try check(mkdir(directory, 0o755), "mkdir")
        let listener = try UnixSocket.listen(directory: directory, name: "s")
        var info = stat()
        #expect(lstat("\(directory)/s", &info) == 0 && info.st_mode & 0o7777 == 0o600)
        let client = try UnixSocket.connect(directory: directory, name: "s")
        #expect(try UnixSocket.peerUser(client.raw) == getuid())
        switch acceptConnection(listener.raw) {
        case .some(let accepted): #expect(try UnixSocket.peerUser(accepted.raw) == getuid())
        case .none: Issue.record("nobody connected")
        }
        let again = try UnixSocket.listen(directory: directory, name: "s")
        #expect(again.raw != listener.raw)
    }

    @Test(
        arguments: [("NET_ADMIN", 12), ("cap_net_admin", 12), ("Chown", 0), ("CAP_CHECKPOINT_RESTORE", 40)]
            as [(String, UInt32)])
    func capabilityNames(name: String, number: UInt32) throws {
        let capability = try #require(Capability(named: name))
        #expect(capability.number == number)
        #expect(Capability(named: capability.name) == capability)
    }

    @Test(arguments: ["", "NOPE", "12", "cap_12", "CAP_", "net admin", "chown,kill", "cap_cap_chown", "ALL"])
    func noCapability(name: String) { #expect(Capability(named: name) == nil) }

    private func run(_ path: String, _ arguments: [String]) throws -> (text: String, exit: ProcessExit) {
        let program = try openFile(path, O_RDONLY)
        let null = try openFile("/dev/null", O_RDONLY)
        let pipe = try PipeEnds()
        var spawn = ProcessSpawn(
            executable: program.raw, arguments: [path] + arguments, descriptors: [null.raw, pipe.write.raw, 2])
        spawn.environment = ["PATH=/bin:/usr/bin"]
        let process = try spawn.start()
        let writeEnd = pipe.write
        let readEnd = pipe.read
        _ = consume writeEnd
        let text = String(decoding: try readAll(readEnd.raw), as: UTF8.self)
        _ = try process.wait()
        return (text, try #require(try process.reap()))
    }

    private func bytes<Result>(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes(body)
    }

    private func mutable<Result>(_ bytes: inout [UInt8], _ body: (UnsafeMutableRawBufferPointer) throws -> Result)
        rethrows -> Result
    { try bytes.withUnsafeMutableBytes(body) }

    private func fcntlFlags(_ raw: Int32) -> Int32 { fcntl(raw, F_GETFD) }
}
