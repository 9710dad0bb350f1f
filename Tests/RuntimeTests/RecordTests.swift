import CRI
import Errors
import Launch
import PodNetwork
import Testing

@testable import Runtime

struct RecordTests {
    static func container(_ phase: ContainerPhase) -> ContainerRecord {
        var config = CRIContainerConfig()
        config.metadata.name = "c"
        config.labels = ["a/b": "ü\n\"", "empty": ""]
        config.annotations = ["x": "\u{1}"]
        config.mounts = [
            .with {
                $0.containerPath = "/x"; $0.hostPath = "/y"
            }
        ]
        return ContainerRecord(
            id: Identifier.random(), sandboxID: "s", config: config, imageName: "n", imageID: "sha256:1", imageRef: "r",
            createdAt: 1_795_243_467_631_985_924, phase: phase,
            user: .init(user: 4_294_967_294, group: 2, supplementaryGroups: [3, 4], home: "/h"), stopSignal: 15,
            logPath: "/l", resources: .with { $0.memoryLimitInBytes = 1 << 40 })
    }

    @Test(arguments: [
        ContainerPhase.created, .running(startedAt: 5),
        .exited(.init(code: 137, startedAt: 5, finishedAt: 9, reason: "OOMKilled", message: "m")),
    ])
    func containersComeBackAsTheyWere(_ phase: ContainerPhase) throws {
        let record = Self.container(phase)
        let read = try ContainerRecord(parsing: record.serialized())
        #expect(read.phase == phase)
        #expect(read.config == record.config)
        #expect(read.user == record.user)
        #expect(read.createdAt == record.createdAt)
        #expect(read.status == record.status)
        #expect(read.item == record.item)
    }

    @Test func sandboxesComeBackAsTheyWere() throws {
        var config = CRIPodSandboxConfig()
        config.metadata.name = "p"
        config.labels = ["k": "v"]
        let record = SandboxRecord(
            id: "i", config: config, createdAt: 7, stopped: true, cgroup: "/c", addresses: ["10.0.0.2", "fd00::2"],
            hostname: "p", shimPID: 4)
        let read = try SandboxRecord(parsing: record.serialized())
        #expect(read.config == config && read.stopped && read.addresses == record.addresses && read.shimPID == 4)
    }

    @Test(arguments: ["", "{}", "[]", "{\"id\":5}", "{\"id\":\"x\",\"config\":{\"nope\":1}}", "{\"id\":\"x\""])
    func damagedRecordsAreErrors(_ text: String) {
        #expect(throws: (any Error).self) { try SandboxRecord(parsing: Array(text.utf8)) }
        #expect(throws: (any Error).self) { try ContainerRecord(parsing: Array(text.utf8)) }
    }

    struct Ending: Sendable {
        var code: Int32
        var memory = false
        var failure: LaunchFailure?
        var reason: String
        var shown: Int32
    }

    @Test(arguments: [
        Ending(code: 0, reason: "Completed", shown: 0), Ending(code: 3, reason: "Error", shown: 3),
        Ending(code: 137, reason: "Error", shown: 137),
        Ending(code: 137, memory: true, reason: "OOMKilled", shown: 137),
        Ending(code: 0, memory: true, reason: "Completed", shown: 0),
        Ending(
            code: 128, failure: .init(step: "exec", errno: 2, message: "no such file", exitCode: 127),
            reason: "StartError", shown: 127),
    ])
    func exitsGetTheFieldsReasons(_ ending: Ending) {
        let exit = ContainerExit(
            ExitRecord(code: ending.code, signal: 0, startedAt: 1, finishedAt: 2, failure: ending.failure),
            outOfMemory: ending.memory)
        #expect(exit.reason == ending.reason)
        #expect(exit.code == ending.shown)
    }

    @Test func identifiersAreSixtyFourHexDigits() {
        let id = Identifier.random()
        #expect(Identifier.isWellFormed(id))
        #expect(id != Identifier.random())
        for bad in ["", "abc", String(repeating: "g", count: 64), String(repeating: "A", count: 64), "\(id)0"] {
            #expect(!Identifier.isWellFormed(bad))
        }
    }
}

struct ResourceTests {
    @Test func zeroMeansNotSet() throws {
        #expect(try ResourceTranslation.limits(.init(), weighted: true) == .init())
    }

    @Test func translates() throws {
        let resources = CRILinuxContainerResources.with {
            $0.cpuShares = 512
            $0.cpuQuota = 50_000
            $0.cpuPeriod = 100_000
            $0.memoryLimitInBytes = 64 << 20
            $0.cpusetCpus = "0-1"
            $0.unified = ["pids.max": "10"]
        }
        let limits = try ResourceTranslation.limits(resources, weighted: false)
        #expect(limits.cpuShares == 512 && limits.cpuQuota == 50_000 && limits.cpuPeriod == 100_000)
        #expect(limits.memory == 64 << 20 && limits.memoryAndSwap == 64 << 20 && limits.outOfMemoryGroup == true)
        #expect(limits.cpusetCPUs == "0-1" && limits.unified == ["pids.max": "10"])
    }

    @Test func askingForNothingNeedsNoController() throws {
        let resources = CRILinuxContainerResources.with {
            $0.cpuShares = 2
            $0.cpuPeriod = 100_000
        }
        #expect(try ResourceTranslation.limits(resources, weighted: false) == .init())
        #expect(try ResourceTranslation.limits(resources, weighted: true).cpuShares == 2)
    }

    @Test func updatesChangeOnlyWhatIsSet() {
        let old = CRILinuxContainerResources.with {
            $0.cpuShares = 100
            $0.memoryLimitInBytes = 5
            $0.unified = ["a": "1", "b": "1"]
        }
        let merged = ResourceTranslation.merged(
            old,
            with: .with {
                $0.memoryLimitInBytes = 9
                $0.unified = ["b": "2"]
            })
        #expect(merged.cpuShares == 100 && merged.memoryLimitInBytes == 9)
        #expect(merged.unified == ["a": "1", "b": "2"])
    }

    @Test(arguments: ["0;1", "a", "0 1"])
    func refusesOddCPULists(_ list: String) {
        #expect(throws: SwiftletError.self) {
            try ResourceTranslation.limits(.with { $0.cpusetCpus = list }, weighted: true)
        }
    }
}

struct MountInfoTests {
    static let text = """
        21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw
        22 21 0:5 / /mnt rw - tmpfs x rw
        23 21 0:6 / /mnt/a\\040b rw master:4 - tmpfs x rw
        24 21 0:7 / /run/s/sandboxes/x/shm rw - tmpfs shm rw
        """

    @Test(arguments: [
        ("/etc", HostPropagation.shared), ("/mnt", .none), ("/mntx", .shared), ("/mnt/a b/c", .slave),
        ("/mnt/z", .none),
    ])
    func findsThePropagation(_ path: String, _ expected: HostPropagation) {
        #expect(MountInfo.propagation(of: path, in: Self.text) == expected)
    }
}

struct PodFilesTests {
    @Test func resolverHasItsWordsInOrder() throws {
        let text = try PodFiles.resolver(
            servers: ["10.0.0.1", "10.0.0.2"], searches: ["a.b", "b"], options: ["ndots:5"])
        #expect(text == "search a.b b\nnameserver 10.0.0.1\nnameserver 10.0.0.2\noptions ndots:5\n")
        #expect(try PodFiles.resolver(servers: [], searches: [], options: []) == "")
    }

    @Test(arguments: ["a b", "", "x\nnameserver 6.6.6.6", "\u{e9}"])
    func resolverRefusesWordsThatAddLines(_ word: String) {
        #expect(throws: SwiftletError.self) { try PodFiles.resolver(servers: [word], searches: [], options: []) }
    }

    @Test func hostsNamesThePod() {
        #expect(
            PodFiles.hosts(hostname: "p", addresses: ["10.1.0.2", "fd00::2"]).hasSuffix("10.1.0.2\tp\nfd00::2\tp\n"))
        #expect(PodFiles.hosts(hostname: "p", addresses: []).hasSuffix("127.0.1.1\tp\n"))
    }
}
