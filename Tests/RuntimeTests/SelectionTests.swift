import CRI
import Errors
import Glibc
import Launch
import LinuxSystem
import Testing

@testable import Runtime

struct CapabilityTests {
    static func bits(_ names: String...) -> UInt64 {
        names.reduce(0) { $0 | (Capability(named: $1)?.bit ?? 0) }
    }
    static let all = (UInt64(1) << 41) - 1

    @Test func defaultsAreTheFieldsFourteen() {
        #expect(CapabilitySelection.defaults.nonzeroBitCount == 14)
        #expect(CapabilitySelection.names(Self.bits("net_admin", "CAP_CHOWN")) == ["NET_ADMIN", "CHOWN"])
    }

    @Test func addsAndDrops() throws {
        let request = CRICapability.with {
            $0.addCapabilities = ["net_admin", "CAP_SYS_TIME"]
            $0.dropCapabilities = ["CHOWN"]
        }
        let sets = try CapabilitySelection.sets(request, privileged: false, available: Self.all)
        let expected = (CapabilitySelection.defaults | Self.bits("NET_ADMIN", "SYS_TIME")) & ~Self.bits("CHOWN")
        #expect(sets.bounding == expected)
        #expect(sets.effective == expected)
        #expect(sets.permitted == expected)
        #expect(sets.inheritable == 0)
        #expect(sets.ambient == 0)
    }

    @Test func allMeansWhatTheDaemonHas() throws {
        let available = Self.all & ~Self.bits("SYS_RESOURCE")
        let addAll = CRICapability.with {
            $0.addCapabilities = ["ALL"]
            $0.dropCapabilities = ["KILL"]
        }
        let sets = try CapabilitySelection.sets(addAll, privileged: false, available: available)
        #expect(sets.bounding == available & ~Self.bits("KILL"))
        let dropAll = CRICapability.with {
            $0.addCapabilities = ["NET_BIND_SERVICE"]
            $0.dropCapabilities = ["all"]
        }
        let few = try CapabilitySelection.sets(dropAll, privileged: false, available: available)
        #expect(few.bounding == Self.bits("NET_BIND_SERVICE"))
        #expect(try CapabilitySelection.sets(.init(), privileged: true, available: available).bounding == available)
    }

    @Test func ambientGoesToAllFive() throws {
        let request = CRICapability.with { $0.addAmbientCapabilities = ["SYS_TIME"] }
        let sets = try CapabilitySelection.sets(request, privileged: false, available: Self.all)
        #expect(sets.ambient == Self.bits("SYS_TIME"))
        #expect(sets.inheritable == Self.bits("SYS_TIME"))
        #expect(sets.permitted & Self.bits("SYS_TIME") != 0)
        #expect(sets.bounding & Self.bits("SYS_TIME") != 0)
    }

    @Test(arguments: ["NO_SUCH", "", "5", "CAP_", "NET ADMIN"])
    func refusesUnknownNames(_ name: String) {
        let request = CRICapability.with { $0.addCapabilities = [name] }
        #expect(throws: SwiftletError.self) {
            try CapabilitySelection.sets(request, privileged: false, available: Self.all)
        }
    }

    @Test func refusesWhatTheDaemonLacks() {
        let request = CRICapability.with { $0.addCapabilities = ["SYS_RESOURCE"] }
        let error = #expect(throws: SwiftletError.self) {
            try CapabilitySelection.sets(request, privileged: false, available: Self.all & ~Self.bits("SYS_RESOURCE"))
        }
        #expect(error?.code == .permissionDenied)
    }
}

struct SeccompSelectionTests {
    static func profile(_ type: CRISecurityProfile.ProfileType, _ path: String = "") -> CRISecurityProfile {
        .with {
            $0.profileType = type
            $0.localhostRef = path
        }
    }

    @Test(arguments: [
        (nil, "", false, SeccompSelection.unconfined),
        (nil, "runtime/default", false, .runtimeDefault),
        (nil, "unconfined", false, .unconfined),
        (nil, "localhost//etc/p.json", false, .localhost("/etc/p.json")),
        (profile(.runtimeDefault), "unconfined", false, .runtimeDefault),
        (profile(.unconfined), "runtime/default", false, .unconfined),
        (profile(.localhost, "/p.json"), "", false, .localhost("/p.json")),
        (profile(.runtimeDefault), "", true, .unconfined),
    ])
    func chooses(_ profile: CRISecurityProfile?, _ old: String, _ privileged: Bool, _ expected: SeccompSelection) throws
    {
        #expect(try SeccompSelection.choose(profile: profile, deprecated: old, privileged: privileged) == expected)
    }

    @Test(arguments: [
        (profile(.localhost, "relative.json"), ""), (profile(.localhost), ""), (nil, "localhost/relative"), (nil, "x"),
        (profile(.UNRECOGNIZED(9)), ""),
    ])
    func refuses(_ profile: CRISecurityProfile?, _ old: String) {
        #expect(throws: SwiftletError.self) {
            try SeccompSelection.choose(profile: profile, deprecated: old, privileged: false)
        }
    }
}

/// What a Localhost profile's file may be: nothing but a profile.
struct SeccompFileTests {
    @Test(arguments: [
        ("{", "1"), ("[]", "object"), ("{}", "defaultAction"),
        (#"{"defaultAction": "SCMP_ACT_SING"}"#, "SCMP_ACT_SING"),
        (#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_PDP11"]}"#, "PDP11"),
        (#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_KILL"}]}"#, "names"),
    ])
    func refusesMalformedOnes(_ text: String, _ word: String) throws {
        let path = TemporaryProfile.file(text)
        defer { unlink(path) }
        let error = #expect(throws: SwiftletError.self) { try checkSeccompProfile(at: path) }
        #expect(error?.description.contains(path) == true && error?.description.contains(word) == true)
    }

    @Test func refusesWhatIsNotThere() {
        let error = #expect(throws: SwiftletError.self) { try checkSeccompProfile(at: "/no/such/profile.json") }
        #expect(error?.errno == ENOENT)
    }
}

private enum TemporaryProfile {
    static func file(_ text: String) -> String {
        let path = "/tmp/swiftlet-profile-\(UInt64.random(in: 0 ... .max))"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        _ = text.withCString { write(descriptor, $0, strlen($0)) }
        close(descriptor)
        return path
    }
}

struct NamespaceTests {
    static func options(
        _ network: CRINamespaceMode = .pod, pid: CRINamespaceMode = .container, ipc: CRINamespaceMode = .pod,
        target: String = ""
    ) -> CRINamespaceOption {
        .with {
            $0.network = network
            $0.pid = pid
            $0.ipc = ipc
            $0.targetID = target
        }
    }

    @Test(arguments: [
        (options(.container)), (options(.target)), (options(ipc: .container)), (options(pid: .target)),
        (options(.UNRECOGNIZED(7))),
    ])
    func refusesForSandboxes(_ options: CRINamespaceOption) {
        #expect(throws: SwiftletError.self) { try NamespaceSelection(sandbox: options) }
    }

    @Test(arguments: [
        (CRINamespaceMode.container, options(pid: .pod), PIDNamespacePlan.container),
        (.pod, options(pid: .pod), .pod), (.node, options(pid: .pod), .node),
        (.pod, options(pid: .container), .container), (.container, options(pid: .target, target: "x"), .target("x")),
    ])
    func containersFollowTheirSandbox(
        _ sandbox: CRINamespaceMode, _ container: CRINamespaceOption, _ plan: PIDNamespacePlan
    ) throws {
        let selection = try NamespaceSelection(sandbox: Self.options(pid: sandbox))
        #expect(try selection.pidNamespace(container: container) == plan)
    }

    @Test func refusesUserNamespaces() {
        for mode in [CRINamespaceMode.pod, .container, .target] {
            var options = Self.options()
            options.usernsOptions.mode = mode
            #expect(throws: SwiftletError.self) { try NamespaceSelection(sandbox: options) }
        }
        var options = Self.options()
        options.usernsOptions.mode = .node
        #expect(throws: Never.self) { try NamespaceSelection(sandbox: options) }
    }
}

struct SysctlTests {
    @Test func namespacedOnesPassInBothSpellings() throws {
        let plan = try Sysctls.plan(
            ["net/core/somaxconn": "1024", "kernel.shm_rmid_forced": "1", "net.ipv4.ping_group_range": "1 0"],
            hostNetwork: false, hostIPC: false)
        #expect(
            plan == [
                .init("kernel.shm_rmid_forced", "1"), .init("net.core.somaxconn", "1024"),
                .init("net.ipv4.ip_unprivileged_port_start", "0"), .init("net.ipv4.ping_group_range", "1 0"),
            ])
        #expect(try Sysctls.plan([:], hostNetwork: true, hostIPC: false).isEmpty)
    }

    @Test(arguments: [
        "kernel.core_pattern", "vm.swappiness", "net", "net..x", "net.ipv4.x y", "../kernel/x", "kernel.hostname",
        "net/../kernel/core_pattern", "fs.file-max", "", "net.",
    ])
    func refusesOthers(_ name: String) {
        #expect(throws: SwiftletError.self) { try Sysctls.plan([name: "1"], hostNetwork: false, hostIPC: false) }
    }

    @Test(arguments: ["", "1\n2", "|x\0"])
    func refusesOddValues(_ value: String) {
        #expect(throws: SwiftletError.self) {
            try Sysctls.plan(["net.core.somaxconn": value], hostNetwork: false, hostIPC: false)
        }
    }

    @Test func refusesTheHostsOwn() {
        #expect(throws: SwiftletError.self) {
            try Sysctls.plan(["net.core.somaxconn": "1"], hostNetwork: true, hostIPC: false)
        }
        #expect(throws: SwiftletError.self) {
            try Sysctls.plan(["kernel.shmmax": "1"], hostNetwork: false, hostIPC: true)
        }
    }
}

struct StopSignalTests {
    @Test(
        arguments: [
            ("SIGTERM", 15), ("term", 15), ("9", 9), ("SIGRTMIN+3", 37), ("RTMAX-1", 63), ("SIGRTMIN", 34),
            ("SIGPOLL", 29),
        ] as [(String, Int32)])
    func readsNames(_ name: String, _ number: Int32) { #expect(StopSignal.number(name) == number) }

    @Test(arguments: ["", "SIG", "0", "65", "-1", "SIGNOPE", "SIGRTMIN+31", "SIGRTMIN-1", "SIGRTMAX+1"])
    func refuses(_ name: String) { #expect(StopSignal.number(name) == nil) }

    @Test func criValuesAreThereAndBack() {
        #expect(StopSignal.number(CRISignal.runtimeDefault) == nil)
        #expect(StopSignal.number(CRISignal.sigterm) == 15)
        #expect(StopSignal.number(CRISignal.sigrtmax) == 64)
        #expect(StopSignal.number(CRISignal.sigrtminplus3) == 37)
        for number in Int32(1)...64 where number != 32 && number != 33 {
            #expect(StopSignal.number(StopSignal.value(number)) == number)
        }
    }
}
