import Errors
import Glibc
import JSON
import Testing

@testable import Seccomp

@Suite struct SeccompTests {
    static let defaultCapabilities: Set<String> = [
        "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
        "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
    ]

    static func allowed(_ profile: SeccompProfile) -> Set<String> {
        Set(profile.rules.filter { $0.action == .allow && $0.conditions.isEmpty }.flatMap(\.names))
    }

    @Test func defaultFollowsTheCapabilities() {
        let plain = Self.allowed(.runtimeDefault(boundingSet: Self.defaultCapabilities))
        #if arch(x86_64)
            #expect(plain.count == 367)
        #endif
        #expect(plain.contains("chroot"))
        for name in [
            "mount", "unshare", "setns", "bpf", "keyctl", "io_uring_setup", "userfaultfd", "pivot_root", "clone",
        ] {
            #expect(!plain.contains(name), "\(name)")
        }
        #expect(!Self.allowed(.runtimeDefault(boundingSet: [])).contains("chroot"))
        let admin = Self.allowed(.runtimeDefault(boundingSet: ["SYS_ADMIN"]))
        #expect(admin.isSuperset(of: ["mount", "unshare", "clone", "clone3"]))
        #expect(!admin.contains("pivot_root"))
    }

    @Test func compilesOnceAProfile() throws {
        let compiler = SeccompCompiler()
        let profile = SeccompProfile.runtimeDefault(boundingSet: Self.defaultCapabilities)
        let program = try compiler.program(for: profile)
        #expect(program.count > 1000 && program.count % 8 == 0 && program.count <= 4096 * 8)
        #expect(try compiler.program(for: profile) == program)
    }

    @Test func skipsNamesNobodyKnows() throws {
        let profile = SeccompProfile(
            defaultAction: .allow, architectures: [], rules: [.init(["frobnicate", "mkdir"], .errno(1))])
        _ = try SeccompCompiler().program(for: profile)
    }

    @Test func readsAProfileDocument() throws {
        let document = try JSONValue.parse(
            """
            {"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["SCMP_ARCH_X86_64"],"syscalls":[
             {"names":["read","write"],"action":"SCMP_ACT_ALLOW"},
             {"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":18446744073709551615,"valueTwo":0,
              "op":"SCMP_CMP_MASKED_EQ"}]}]}
            """.replacing("18446744073709551615", with: "2114060288"))
        let profile = try SeccompProfile(document: document)
        #expect(profile.defaultAction == .errno(38))
        #expect(profile.architectures == ["X86_64"])
        #expect(profile.rules[1].conditions == [.init(0, .maskedEqual, 2_114_060_288)])
        _ = try SeccompCompiler().program(for: profile)
    }

    static let faults: [(String, String)] = [
        ("[]", "object"), ("{}", "defaultAction"), (#"{"defaultAction":"ALLOW"}"#, "unknown action"),
        (#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["X86"]}"#, "architectures[0]"),
        (#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":{}}"#, "syscalls must be a list"),
        (#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[],"action":"SCMP_ACT_ALLOW"}]}"#, "names is empty"),
        (#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[1],"action":"SCMP_ACT_ALLOW"}]}"#, "has a number"),
        (
            #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_LOG","args":[{"index":6}]}]}"#,
            "index must be 0…5"
        ),
        (#"{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/x"}"#, "notification"),
        (#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":5000}"#, "errnoRet"),
    ]

    @Test(arguments: faults)
    func refusesABadDocument(text: String, word: String) throws {
        let document = try JSONValue.parse(text)
        let error = #expect(throws: SwiftletError.self) { try SeccompProfile(document: document) }
        #expect(error?.message.contains(word) == true, "\(String(describing: error))")
    }

    @Test func refusesAnUnknownArchitecture() {
        let profile = SeccompProfile(defaultAction: .allow, architectures: ["Z80"], rules: [])
        #expect(throws: SwiftletError.self) { try SeccompCompiler().program(for: profile) }
    }
}
