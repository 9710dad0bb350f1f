import Errors
import LinuxSystem
import Testing

@testable import Launch

/// The binary codec: whole round trips, and no byte string that traps.
struct CodecTests {
    static let plan: LaunchPlan = {
        var plan = LaunchPlan()
        plan.id = "c0ffee"
        plan.recordDirectory = "/run/x"
        plan.cgroup = "/sys/fs/cgroup/x"
        plan.rootFilesystem = .overlay(layersDirectory: "/l", lowers: ["b", "a"], upper: "/u", work: "/w")
        plan.rootReadOnly = true
        plan.rootNoDevices = true
        plan.rootPropagation = .slave
        plan.pidNamespace = .target("other")
        plan.mounts = [
            MountPlan(
                .filesystem(type: "tmpfs", source: "t", options: [.init("size", "64k"), .init("flag")]), at: "/dev",
                attributes: [.noSuid, .recursive], propagation: .shared),
            MountPlan(.bind(path: "/a", beneath: "b/ü", recursive: true), at: "/c"),
            MountPlan(.bind(path: "/a", beneath: nil, recursive: false), at: "/d"),
            MountPlan(.layers(folder: "/l", lowers: ["a", "b"], beneath: nil), at: "/e", attributes: [.readOnly]),
            MountPlan(.layers(folder: "/l", lowers: ["a", "b"], beneath: "c"), at: "/f"),
        ]
        plan.devices = [
            DevicePlan(
                path: "/dev/x", hostPath: "/dev/y", kind: .block, major: 8, minor: 1, mode: 0o600, user: 3, group: 4)
        ]
        plan.links = [LinkPlan(path: "/l", target: "t")]
        plan.maskedPaths = ["/m"]
        plan.readOnlyPaths = ["/r"]
        plan.process = process
        plan.io.logPath = "/log"
        plan.io.standardInputOnce = true
        return plan
    }()

    static let process: ProcessPlan = {
        var process = ProcessPlan()
        process.arguments = ["sh", "-c", "ü"]
        process.environment = ["A=b", ""]
        process.createsWorkingDirectory = true
        process.user = .max
        process.supplementaryGroups = [1, 2]
        process.capabilities.ambient = .max
        process.noNewPrivileges = true
        process.seccompFilter = [1, 2, 3, 255]
        process.resourceLimits = [ResourceLimit(resource: 7, soft: 1, hard: .max)]
        process.oomScoreAdjustment = -998
        return process
    }()

    static let failure = LaunchFailure(step: "mount", errno: 2, message: "none", exitCode: 127)
    static let record = ExitRecord(code: 137, signal: 9, startedAt: -1, finishedAt: .max, failure: failure)

    static let requests: [ShimRequest] = {
        var sandbox = SandboxPlan()
        sandbox.id = "s"
        sandbox.sharedPID = true
        sandbox.owners = IDMapping(
            users: [IDRange(inside: 0, outside: 65536, count: 10), IDRange(inside: 10, outside: 1, count: 1)],
            groups: [])
        sandbox.sysctls = [.init("a.b", "1")]
        var exec = ExecPlan()
        exec.id = "e"
        exec.process = process
        exec.terminal = TerminalSize(columns: 80, rows: 25)
        return [
            .setUp(sandbox), .start(plan), .exec(exec), .signal(id: "a", number: 15),
            .attach(id: "a", input: true, output: false, error: true),
            .resize(id: "a", TerminalSize(columns: 1, rows: 2)),
            .reopenLog(id: "a"), .state, .subscribe, .forget(id: "a"), .shutDown,
        ]
    }()

    static let replies: [ShimReply] = [
        .ready(pid: 1), .started(pid: 2), .done, .failed(failure),
        .state([
            ProcessState(id: "a", isExec: false, pid: 4, startedAt: 5, exit: record),
            ProcessState(id: "b", isExec: true, pid: 6, startedAt: 7, exit: nil),
        ]),
    ]

    @Test func everyMessageComesBack() throws {
        for request in CodecTests.requests { #expect(try ShimRequest(decoding: request.encoded) == request) }
        for reply in CodecTests.replies { #expect(try ShimReply(decoding: reply.encoded) == reply) }
        let event = ShimEvent.exited(id: "a", isExec: true, CodecTests.record)
        #expect(try ShimEvent(decoding: event.encoded) == event)
    }

    @Test func everyTruncationIsRefused() {
        for request in CodecTests.requests {
            let bytes = request.encoded
            for count in 0..<bytes.count {
                #expect(throws: SwiftletError.self) { try ShimRequest(decoding: Array(bytes[..<count])) }
            }
            #expect(throws: SwiftletError.self) { try ShimRequest(decoding: bytes + [0]) }
        }
    }

    @Test func noMutationTraps() {
        var generator = SystemRandomNumberGenerator()
        for request in CodecTests.requests {
            let bytes = request.encoded
            for _ in 0..<2000 {
                var mutated = bytes
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    mutated[Int.random(in: 0..<mutated.count, using: &generator)] =
                        [0, 1, 127, 128, 255, .random(in: 0...255)].randomElement() ?? 0
                }
                // Whatever it decodes to goes through the codec unchanged.
                if let decoded = try? ShimRequest(decoding: mutated) {
                    #expect((try? ShimRequest(decoding: decoded.encoded)) == decoded)
                }
            }
        }
    }

    @Test(
        arguments: [
            ([9, 0, 0, 0, 1], "cut short"), ([2, 0, 0, 0, 0xff, 0xfe], "not UTF-8"), ([2, 0, 0, 0, 0x61, 0], "NUL"),
        ] as [([UInt8], String)])
    func badText(bytes: [UInt8], reason: String) throws {
        let error = #expect(throws: SwiftletError.self) { try String(decoding: bytes) }
        #expect(error?.reason.contains(reason) == true)
    }

    @Test func framesComeTogetherFromPieces() throws {
        let payload: [UInt8] = Array(0...99)
        let frame = try Frame.header(of: payload) + payload
        var reader = FrameReader()
        var found: [UInt8]?
        var position = 0
        while found == nil {
            let wanted = min(try reader.wanted, 7)
            let piece = Array(frame[position..<position + wanted])
            position += wanted
            found = try piece.withBytes { (bytes) throws(SwiftletError) in try reader.take(bytes, []) }?.payload
        }
        #expect(found == payload)
        #expect(position == frame.count)
        #expect(throws: SwiftletError.self) {
            var reader = FrameReader()
            try [0xff, 0xff, 0xff, 0x7f].withBytes { (bytes) throws(SwiftletError) in _ = try reader.take(bytes, []) }
        }
    }
}
