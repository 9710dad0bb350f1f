import CRI
import Errors
import Launch
import Testing

@testable import OCI
@testable import Runtime

/// A host of the test's own.
struct FakeHost: HostView {
    var files: [String: HostFile] = [:]
    var propagations: [String: HostPropagation] = [:]

    func kind(_ path: String) throws(SwiftletError) -> HostFile? { files[path] }
    func propagation(_ path: String) throws(SwiftletError) -> HostPropagation { propagations[path] ?? .none }
    func devices() throws(SwiftletError) -> [HostDevice] {
        [
            HostDevice(path: "/dev/null", file: .character(major: 1, minor: 3, mode: 0o666, user: 0, group: 0)),
            HostDevice(path: "/dev/vda", file: .block(major: 254, minor: 0, mode: 0o660, user: 0, group: 6)),
        ]
    }
}

struct MountPlannerTests {
    static let files = SandboxFiles(
        hosts: "/s/hosts", hostname: "/s/hostname", resolver: "/s/resolv.conf", sharedMemory: "/s/shm")
    static let host = FakeHost(
        files: ["/data": .directory, "/file": .file, "/shared": .directory, "/slave": .directory],
        propagations: ["/shared": .shared, "/slave": .slave])

    static func planner(privileged: Bool = false, readOnly: Bool = false) -> MountPlanner {
        MountPlanner(host: host, files: files, privileged: privileged, readOnlyRoot: readOnly)
    }

    static func mount(_ source: String, _ destination: String, _ change: (inout CRIMount) -> Void = { _ in })
        -> CRIMount
    {
        var mount = CRIMount()
        mount.hostPath = source
        mount.containerPath = destination
        change(&mount)
        return mount
    }

    @Test func standardMountsComeParentsFirst() throws {
        let destinations = try Self.planner().plan([]).mounts.map(\.destination)
        #expect(
            destinations == [
                "/proc", "/dev", "/sys", "/dev/pts", "/dev/mqueue", "/dev/shm", "/etc/hosts", "/etc/hostname",
                "/etc/resolv.conf", "/sys/fs/cgroup",
            ])
    }

    @Test func aMountOfOnesOwnReplacesTheStandardOne() throws {
        let result = try Self.planner().plan([
            Self.mount("/data", "/a/b/../c//"), Self.mount("/file", "/etc/hosts"), Self.mount("/data", "/dev/shm"),
        ])
        let own = result.mounts.filter { $0.source == .bind(path: "/data", beneath: nil, recursive: true) }
        #expect(own.map(\.destination).sorted() == ["/a/c", "/dev/shm"])
        #expect(result.mounts.count { $0.destination == "/etc/hosts" } == 1)
        #expect(result.mounts.count { $0.destination == "/dev/shm" } == 1)
    }

    @Test func aDevOfOnesOwnStaysAsItIs() throws {
        let result = try Self.planner().plan([Self.mount("/data", "/dev")])
        #expect(result.ownDev)
        #expect(!result.mounts.contains { $0.destination.hasPrefix("/dev/") })
    }

    @Test func propagationRaisesTheRoot() throws {
        let shared = Self.mount("/shared", "/x") { $0.propagation = .propagationBidirectional }
        let slave = Self.mount("/slave", "/y") { $0.propagation = .propagationHostToContainer }
        #expect(try Self.planner().plan([slave]).rootPropagation == .slave)
        #expect(try Self.planner().plan([shared, slave]).rootPropagation == .shared)
        #expect(try Self.planner().plan([]).rootPropagation == .private)
    }

    @Test func readOnlyAndRecursive() throws {
        let mount = Self.mount("/data", "/x") {
            $0.readonly = true
            $0.recursiveReadOnly = true
        }
        let plan = try #require(try Self.planner().plan([mount]).mounts.last { $0.destination == "/x" })
        #expect(plan.attributes == [.readOnly, .recursive])
    }

    @Test(arguments: [
        mount("/missing", "/x"), mount("/data", "relative"), mount("relative", "/x"), mount("/data", "/"),
        mount("/data", "/.."), mount("/data", "/x") { $0.recursiveReadOnly = true },
        mount("/shared", "/x") {
            $0.readonly = true
            $0.recursiveReadOnly = true
            $0.propagation = .propagationBidirectional
        }, mount("/data", "/x") { $0.propagation = .propagationHostToContainer },
        mount("/slave", "/x") { $0.propagation = .propagationBidirectional },
        mount("/data", "/x") { $0.propagation = .UNRECOGNIZED(5) }, mount("", "/x") { $0.image.image = "busybox" },
        mount("/data", "/x") { $0.uidMappings = [CRIIDMapping()] },
        mount("/data", "/x") { $0.mountOptions = ["bogus"] },
    ])
    func refuses(_ mount: CRIMount) {
        #expect(throws: SwiftletError.self) { try Self.planner().plan([mount]) }
    }

    @Test func imagesAreForReading() throws {
        func image(_ change: (inout CRIMount) -> Void = { _ in }) -> CRIMount {
            Self.mount("", "/x/") {
                $0.image.image = "busybox"
                $0.readonly = true
                change(&$0)
            }
        }
        var planner = Self.planner()
        let layers = MountPlan.Source.layers(folder: "/l", lowers: ["a", "b"], beneath: nil)
        planner.images = ["/x/": layers]
        let plan = try #require(try planner.plan([image()]).mounts.first { $0.destination == "/x" })
        #expect(plan.source == layers)
        #expect(plan.attributes == [.readOnly, .noSuid, .noDev, .noExec])
        for bad in [image { $0.readonly = false }, image { $0.propagation = .propagationHostToContainer }] {
            #expect(throws: SwiftletError.self) { try planner.plan([bad]) }
        }
    }

    @Test func refusesTheSamePlaceTwice() {
        #expect(throws: SwiftletError.self) {
            try Self.planner().plan([Self.mount("/data", "/x"), Self.mount("/file", "/x/")])
        }
    }

    @Test func namesTheMissingHostPath() {
        let error = #expect(throws: SwiftletError.self) { try Self.planner().plan([Self.mount("/missing", "/x")]) }
        #expect(error?.description.contains("/missing") == true)
        #expect(error?.description.contains("/x") == true)
    }
}

struct DevicePlannerTests {
    @Test func privilegedGetsTheHostsDevicesOnceEach() throws {
        let devices = try DevicePlanner.plan([], privileged: true, host: FakeHost())
        #expect(devices.count { $0.path == "/dev/null" } == 1)
        #expect(devices.contains { $0.path == "/dev/vda" && $0.kind == .block && $0.major == 254 && $0.group == 6 })
        #expect(try DevicePlanner.plan([], privileged: false, host: FakeHost()) == DevicePlanner.standard)
    }

    @Test func refusesWhatIsNoDevice() {
        let host = FakeHost(files: ["/etc": .directory])
        for path in ["/etc", "/missing", "relative"] {
            let device = CRIDevice.with {
                $0.hostPath = path
                $0.containerPath = "/dev/x"
            }
            #expect(throws: SwiftletError.self) { try DevicePlanner.plan([device], privileged: false, host: host) }
        }
    }
}

struct ContainerPlannerTests {
    static func planner(privileged: Bool = false) throws -> ContainerPlanner {
        ContainerPlanner(
            surroundings: .init(
                host: FakeHost(),
                accounts: { () throws(SwiftletError) in ContainerUserTests.database },
                seccomp: { (selection, _) throws(SwiftletError) in selection == .unconfined ? [] : [1] },
                capabilities: CapabilityTests.all),
            sandbox: .init(
                namespaces: try NamespaceSelection(sandbox: NamespaceTests.options()), files: MountPlannerTests.files,
                hostname: "pod", logDirectory: "/logs", privileged: privileged))
    }

    static func config(_ change: (inout CRIContainerConfig) -> Void = { _ in }) -> CRIContainerConfig {
        var config = CRIContainerConfig()
        config.metadata.name = "c"
        config.command = ["run"]
        change(&config)
        return config
    }

    @Test func joinsImageAndConfiguration() throws {
        var image = ImageConfig.ExecutionConfig()
        image.user = "app"
        image.workingDirectory = "/srv"
        image.stopSignal = "SIGQUIT"
        image.env = ["A=1"]
        let config = Self.config {
            $0.args = ["x"]
            $0.tty = true
            $0.stdin = true
            $0.logPath = "c/0.log"
            $0.envs = [
                .with {
                    $0.key = "B"; $0.value.append(contentsOf: Array("2".utf8))
                }
            ]
            $0.linux.resources.oomScoreAdj = 500
            $0.linux.securityContext.noNewPrivs = true
            $0.linux.securityContext.readonlyRootfs = true
            $0.linux.securityContext.maskedPaths = ["/proc/kcore"]
            $0.linux.securityContext.seccomp.profileType = .runtimeDefault
        }
        let result = try Self.planner().plan(config, image: image)
        let process = result.plan.process
        #expect(process.arguments == ["run", "x"])
        #expect(process.environment.contains("A=1") && process.environment.contains("B=2"))
        #expect(process.environment.contains("TERM=xterm") && process.environment.contains("HOME=/home/app"))
        #expect(process.user == 1000 && process.group == 1001 && process.supplementaryGroups == [1001, 29, 998])
        #expect(process.workingDirectory == "/srv" && process.createsWorkingDirectory)
        #expect(process.noNewPrivileges && process.oomScoreAdjustment == 500 && process.seccompFilter == [1])
        #expect(result.stopSignal == 3)
        #expect(result.plan.io.logPath == "/logs/c/0.log" && result.plan.io.terminal && result.plan.io.standardInput)
        #expect(result.plan.rootReadOnly && result.plan.maskedPaths == ["/proc/kcore"])
        #expect(result.plan.newCgroupNamespace && result.plan.pidNamespace == .container)
    }

    @Test func noDevicesWithoutAFilter() throws {
        var planner = try Self.planner()
        planner.surroundings.filtersDevices = false
        let makesNodes = CapabilityTests.bits("MKNOD")
        let usual = try planner.plan(Self.config(), image: .init()).plan
        #expect(usual.rootNoDevices && usual.process.capabilities.bounding & makesNodes == 0)
        let asked = Self.config { $0.linux.securityContext.capabilities.addCapabilities = ["MKNOD"] }
        #expect(try planner.plan(asked, image: .init()).plan.process.capabilities.bounding & makesNodes != 0)
        planner.sandbox.privileged = true
        let privileged = Self.config { $0.linux.securityContext.privileged = true }
        #expect(try planner.plan(privileged, image: .init()).plan.rootNoDevices == false)
        #expect(try Self.planner().plan(Self.config(), image: .init()).plan.rootNoDevices == false)
    }

    @Test func privilegedLosesItsFences() throws {
        let config = Self.config {
            $0.linux.securityContext.privileged = true
            $0.linux.securityContext.maskedPaths = ["/proc/kcore"]
            $0.linux.securityContext.seccomp.profileType = .runtimeDefault
        }
        let plan = try Self.planner(privileged: true).plan(config, image: .init()).plan
        #expect(plan.maskedPaths.isEmpty && plan.process.seccompFilter.isEmpty && !plan.newCgroupNamespace)
        #expect(plan.process.capabilities.bounding == CapabilityTests.all)
        #expect(plan.mounts.first { $0.destination == "/sys" }?.attributes.contains(.readOnly) == false)
        #expect(throws: SwiftletError.self) { try Self.planner().plan(config, image: .init()) }
    }

    @Test(arguments: [
        config { $0.command = [] },
        config { $0.logPath = "../escape.log" }, config { $0.logPath = "/abs.log" }, config { $0.logPath = "dir/" },
        config { $0.workingDir = "relative" },
        config {
            $0.envs = [
                .with {
                    $0.key = "A"; $0.value.append(contentsOf: [0xff])
                }
            ]
        },
        config { $0.linux.resources.oomScoreAdj = 1001 },
        config { $0.stopSignal = .UNRECOGNIZED(99) },
        config { $0.linux.securityContext.selinuxOptions.type = "t" },
        config { $0.linux.securityContext.apparmorProfile = "localhost/x" },
        config { $0.linux.securityContext.apparmorProfile = "mine" },
        config { $0.linux.securityContext.apparmor.profileType = .localhost },
        config { $0.linux.securityContext.apparmor.profileType = .UNRECOGNIZED(7) },
        config { $0.linux.securityContext.maskedPaths = ["proc"] },
        config { $0.linux.securityContext.runAsUsername = "ghost" },
        config { $0.cdiDevices = [CRICDIDevice()] },
    ])
    func refuses(_ config: CRIContainerConfig) throws {
        let planner = try Self.planner()
        #expect(throws: SwiftletError.self) { try planner.plan(config, image: .init()) }
    }
}

struct SandboxPlannerTests {
    static func config(_ change: (inout CRIPodSandboxConfig) -> Void = { _ in }) -> CRIPodSandboxConfig {
        var config = CRIPodSandboxConfig()
        config.metadata.name = "web_1"
        config.metadata.namespace = "default"
        config.metadata.uid = "u"
        change(&config)
        return config
    }

    @Test func hostnameComesFromTheNameWhenNotSent() throws {
        #expect(try SandboxPlanner(Self.config(), id: "i", hostHostname: "host").hostname == "web_1")
        let odd = Self.config { $0.metadata.name = "a b\n" }
        #expect(try SandboxPlanner(odd, id: "i", hostHostname: "host").hostname == "a-b-")
        let hostNetwork = Self.config { $0.linux.securityContext.namespaceOptions.network = .node }
        #expect(try SandboxPlanner(hostNetwork, id: "i", hostHostname: "host").hostname == "host")
    }

    @Test func cgroupIsTheParentOrOnesOwn() throws {
        #expect(try SandboxPlanner(Self.config(), id: "i", hostHostname: "").cgroupParent == "kubepods/podi")
        let config = Self.config { $0.linux.cgroupParent = "/kubepods/podu" }
        #expect(try SandboxPlanner(config, id: "i", hostHostname: "").cgroupParent == "/kubepods/podu")
    }

    @Test(arguments: [
        config { $0.metadata.name = "" }, config { $0.metadata.uid = "" }, config { $0.metadata.namespace = "" },
        config { $0.hostname = "with space" }, config { $0.hostname = String(repeating: "x", count: 65) },
        config { $0.logDirectory = "relative" }, config { $0.linux.securityContext.runAsGroup.value = 5 },
        config { $0.portMappings = [.with { $0.hostPort = 70000 }] }, config { $0.linux.sysctls = ["vm.x": "1"] },
    ])
    func refuses(_ config: CRIPodSandboxConfig) {
        #expect(throws: SwiftletError.self) { try SandboxPlanner(config, id: "i", hostHostname: "h") }
    }
}
