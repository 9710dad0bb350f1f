import Errors
import Foundation
import Glibc
import LinuxSystem
import Synchronization
import Testing

@testable import ImageStore

@Suite(needsRoot)
struct UsageTests {
    private static func usage(_ path: String) throws -> StoreUsage {
        var walk = UsageWalk()
        try walk.add(try Directory(path: path))
        return StoreUsage(bytes: walk.bytes, inodes: walk.inodes)
    }

    /// As du(1) has it.
    private static func du(_ path: String) throws -> StoreUsage {
        func number(_ option: String) throws -> Int64 {
            let (process, pipe) = (Process(), Pipe())
            process.executableURL = URL(fileURLWithPath: "/usr/bin/du")
            process.arguments = ["-s", option, path]
            process.standardOutput = pipe
            try process.run()
            let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            return try #require(Int64(text.prefix { $0.isNumber }))
        }
        return StoreUsage(bytes: try number("-B1"), inodes: try number("--inodes"))
    }

    @Test func addsUpAsOthersDo() throws {
        let test = try TestStore()
        let path = "\(test.scratch)/tree"
        let top = try Directory(making: path)
        for number in 0..<2000 { try top.createFile(FileName("file-\(number)")).writeAll([1]) }
        try top.makeDirectory("sub")
        let sub = try top.openDirectory("sub")
        try sub.createFile("big").writeAll([UInt8](repeating: 1, count: 1 << 20))
        for number in 0..<7 { try top.makeHardLink(FileName("big-\(number)"), to: "big", in: sub) }
        let sparse = try sub.createFile("sparse")
        #expect(ftruncate(sparse.raw, 1 << 40) == 0)
        try sub.makeSymbolicLink("link", to: "/")
        try sub.makeNode("null", .characterDevice, mode: 0o600, device: 259)
        #expect(try Self.usage(path) == Self.du(path))
        #expect(try Self.usage(path).inodes == 2000 + 1 + 1 + 4)
    }

    /// Deeper than any path and with more directories than descriptors.
    @Test func addsUpDeepTrees() throws {
        let test = try TestStore()
        var directory = try Directory(making: "\(test.scratch)/deep")
        let top = directory
        var limits = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits) == 0)
        var fewer = rlimit(rlim_cur: min(limits.rlim_cur, 2000), rlim_max: limits.rlim_max)
        #expect(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &fewer) == 0)
        defer { setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits) }
        for _ in 0..<2500 {
            for name: FileName in ["a", "d", "z"] { try directory.makeDirectory(name) }
            _ = try directory.createFile("f")
            directory = try directory.openDirectory("d")
        }
        var walk = UsageWalk()
        try walk.add(top)
        #expect(StoreUsage(bytes: walk.bytes, inodes: walk.inodes).inodes == 1 + 4 * 2500)
    }

    /// A tree that is taken apart and moved about under the walk.
    @Test func bearsChanges() throws {
        let test = try TestStore()
        let path = "\(test.scratch)/busy"
        let stop = Atomic<Bool>(false)
        func chain(_ name: String) throws {
            try FileManager.default.createDirectory(
                atPath: "\(path)/\(name)/" + (0..<100).map { "d\($0)" }.joined(separator: "/"),
                withIntermediateDirectories: true)
        }
        try chain("x")
        try chain("y")
        let mover = Thread {
            let bottom = (0..<80).map { "d\($0)" }.joined(separator: "/")
            while !stop.load(ordering: .relaxed) {
                rename("\(path)/x/\(bottom)/d80", "\(path)/y/moved")
                mkdir("\(path)/x/new", 0o700)
                rename("\(path)/y/moved", "\(path)/x/\(bottom)/d80")
                rmdir("\(path)/x/new")
            }
        }
        mover.start()
        for _ in 0..<200 {
            let inodes = try Self.usage(path).inodes
            #expect((80...320).contains(inodes))
        }
        stop.store(true, ordering: .relaxed)
        while !mover.isFinished { usleep(1000) }
    }

    /// A result is kept for a while, and longer the longer it took; a long walk keeps nobody waiting twice.
    @Test func walksSeldom() throws {
        let time = Atomic<Int64>(0)
        let walks = Atomic<Int64>(0)
        let usages = SnapshotUsages(clock: { time.load(ordering: .sequentiallyConsistent) })
        @Sendable func pass(milliseconds: Int64) {
            time.add(milliseconds * 1_000_000, ordering: .sequentiallyConsistent)
        }
        func ask(_ id: String, milliseconds: Int64 = 0) throws -> Int64 {
            try usages.usage(of: id) { () throws(SwiftletError) in
                pass(milliseconds: milliseconds)
                let number = walks.add(1, ordering: .sequentiallyConsistent).newValue
                return StoreUsage(bytes: number, inodes: 1)
            }.usage.bytes
        }
        #expect(try ask("a") == 1)
        pass(milliseconds: 1000)
        #expect(try ask("a") == 1)
        #expect(try ask("b") == 2)
        usages.forget("a")
        #expect(try ask("a") == 3)
        let broken = SwiftletError(.notFound, "gone")
        #expect(throws: broken) { try usages.usage(of: "c") { () throws(SwiftletError) in throw broken } }
        // 60 ms: stale after 1.2 s, and then the old one serves while another is made.
        #expect(try ask("slow", milliseconds: 60) == 4)
        pass(milliseconds: 1200)
        #expect(try ask("slow", milliseconds: 60) == 4)
        pass(milliseconds: 1)
        #expect(try ask("slow", milliseconds: 60) == 4)
        for _ in 0..<60_000 where try ask("slow") == 4 { usleep(1000) }
        #expect(try ask("slow") == 5)
        #expect(walks.load(ordering: .sequentiallyConsistent) == 5)
    }

    @Test func countsSnapshots() throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: SnapshotTests.layers).oci())[0].image.id
        _ = try test.store.prepareSnapshot(id: "c", image: id)
        _ = try test.store.mountView(id: "look", of: id)
        #expect(try test.store.snapshotUsage(id: "c").usage.inodes == 1)
        #expect(try test.store.snapshotsUsage().inodes == 2)
        #expect(throws: SwiftletError.self) { try test.store.snapshotUsage(id: "look") }
        #expect(throws: SwiftletError.self) { try test.store.snapshotUsage(id: "absent") }
    }
}
