import Errors
import Glibc
import Testing

@testable import Cgroups

@Suite struct CgroupLimitsTests {
    static let weights: [(UInt64, UInt64)] = [
        (0, 1), (2, 1), (102, 17), (256, 35), (512, 59), (1024, 100), (2048, 174), (262_144, 10_000), (.max, 10_000),
    ]

    @Test(arguments: weights)
    func sharesBecomeWeights(shares: UInt64, weight: UInt64) {
        #expect(CgroupLimits.weight(shares: shares) == weight)
    }

    @Test func limitsBecomeControlFiles() throws {
        var limits = CgroupLimits()
        limits.cpuShares = 1024
        limits.cpuQuota = 50_000
        limits.memory = 1 << 26
        limits.memoryAndSwap = 1 << 26
        limits.processes = -1
        limits.cpusetCPUs = "0-1"
        limits.hugePages = [.init(pageSize: "2MB", bytes: 4 << 20)]
        limits.unified = ["memory.high": "1000"]
        let writes = try limits.writes().map { "\($0.file)=\($0.value)" }
        #expect(
            writes == [
                "cpu.weight=100", "cpu.max=50000 100000", "memory.max=67108864", "memory.swap.max=0",
                "hugetlb.2MB.max=4194304",
                "hugetlb.2MB.rsvd.max=4194304", "pids.max=max", "cpuset.cpus=0-1", "memory.high=1000",
            ])
    }

    static let bad: [@Sendable (inout CgroupLimits) -> Void] = [
        { $0.memoryAndSwap = 5 },
        {
            $0.memory = 10
            $0.memoryAndSwap = 5
        },
        { $0.hugePages = [.init(pageSize: "../x", bytes: 1)] },
        { $0.unified = ["../x": "1"] }, { $0.unified = ["cgroup.procs": "1"] }, { $0.unified = ["nodot": "1"] },
    ]

    @Test(arguments: bad.indices)
    func refuses(index: Int) {
        var limits = CgroupLimits()
        Self.bad[index](&limits)
        #expect(throws: SwiftletError.self) { try limits.writes() }
    }

    @Test(arguments: ["a/../b", "..", "a/cgroup.procs", "a b", "x\n", String(repeating: "x", count: 300)])
    func refusesOddNames(path: String) {
        let nowhere = Cgroup(path: "/nonexistent")
        #expect(throws: SwiftletError.self) { try nowhere.createTree(path) }
    }
}

/// On the machine's own hierarchy, in scratch cgroups that are removed after.
@Suite(.enabled(if: geteuid() == 0 && (try? CgroupHierarchy.discover()) != nil, "needs root and a cgroup v2 mount"))
struct CgroupTests {
    static func withScratch(_ body: (Cgroup) throws -> Void) throws {
        let scratch = Cgroup(path: try CgroupHierarchy.discover().mountPoint).child(
            "swiftlet-test-\(getpid())-\(UInt32.random(in: 0 ... .max))")
        try scratch.create()
        defer { try? scratch.remove() }
        try body(scratch)
        try scratch.remove()
        #expect(!scratch.exists)
        try scratch.remove()
    }

    @Test func makesAndRemovesTrees() throws {
        try Self.withScratch { scratch in
            let leaf = try scratch.createTree("kubepods/burstable/pod1")
            #expect(leaf.exists)
            #expect(try !leaf.isPopulated())
            #expect(try leaf.processes().isEmpty)
            #expect(try scratch.descendants().map(\.path.count).sorted().count == 3)
            #expect(try leaf.stats().memory == nil || leaf.stats().memory?.usage == 0)
            #expect(try leaf.outOfMemoryKills() == 0)
        }
    }

    @Test func killsAllBelow() throws {
        try Self.withScratch { scratch in
            let leaf = try scratch.createTree("a/b")
            var pid: pid_t = 0
            let words = ["/bin/sleep", "1000"]
            var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
            defer { arguments.forEach { free($0) } }
            #expect(posix_spawn(&pid, "/bin/sleep", nil, nil, &arguments, nil) == 0)
            try leaf.write("cgroup.procs", "\(pid)")
            #expect(try scratch.isPopulated())
            #expect(try !scratch.waitUntilEmpty(milliseconds: 1))
            try scratch.kill()
            var status: Int32 = 0
            #expect(waitpid(pid, &status, 0) == pid)
            #expect(status & 0x7f == SIGKILL)
            #expect(try scratch.waitUntilEmpty(milliseconds: 10_000))
        }
    }

    @Test func namesTheMissingController() throws {
        try Self.withScratch { scratch in
            var limits = CgroupLimits()
            limits.unified = ["frobnicator.max": "1"]
            let error = #expect(throws: SwiftletError.self) { try scratch.apply(limits) }
            #expect(error?.code == .failedPrecondition)
            #expect(error?.message.contains("frobnicator controller, which \(scratch.path) does not offer") == true)
        }
    }
}
