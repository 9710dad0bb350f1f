import CLinux
import Errors
import Foundation
import Glibc
import LinuxSystem
import Testing

@testable import ImageStore

/// Root filesystems of pods with user namespaces.
@Suite(needsRoot)
struct OwnersTests {
    private static let base: UInt32 = 500_000
    private static let layers: [[TarWriter.Entry]] = [
        [
            .init(name: "./", type: "5", mode: 0o1755, uid: 3, gid: 4), .file("root's", "x"),
            .init(name: "other's", data: [1], uid: 1000, gid: 1001), .init(name: "suid", data: [1], mode: 0o4755),
            .init(name: "d", type: "5", mode: 0o777),
        ],
        [.file("top", "t")],
    ]

    /// As the container's root, in a thread: the file's owner is that of the thread.
    private static func writeAsRoot(_ mount: borrowing DetachedMount, _ name: FileName) throws {
        let raw = mount.descriptor.raw
        try DedicatedThread.wait("writer") { () throws(SwiftletError) in
            let root = Directory(try duplicateDescriptor(raw))
            try check(swl_setresgid(base), "setresgid")
            try check(swl_setresuid(base), "setresuid")
            try root.openDirectory("d").createFile(name).writeAll([1])
        }
    }

    @Test func overlayMapsLayersAndNotUpper() throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: Self.layers).oci())[0].image.id
        let mapping = IDMapping(base: Self.base)
        let root = try test.store.prepareSnapshot(id: "c", image: id, owners: mapping)
        let overlay = try #require(root.overlay)
        let namespace = try makeUserNamespace(mapping)
        let mount = try overlay.detached(owners: namespace.raw)
        let seen = Directory(try mount.descriptor.duplicate())
        let own = try seen.ownStatus()
        #expect(own.uid == Self.base + 3 && own.gid == Self.base + 4 && own.mode == 0o1755)
        #expect(try seen.status("root's")?.uid == Self.base && seen.status("top")?.uid == Self.base)
        #expect(try seen.status("other's")?.uid == Self.base + 1000 && seen.status("other's")?.gid == Self.base + 1001)
        #expect(try seen.status("suid")?.mode == 0o4755)
        // Nothing on disk is changed, and what is written belongs to those outside.
        #expect(
            try fileStat("\(test.layer())/root's").st_uid == 0 && fileStat("\(test.layer())/other's").st_uid == 1000)
        try Self.writeAsRoot(mount, "new")
        try seen.setMode("other's", 0o600)
        let upper = "\(test.images)/snapshots/c/upper"
        #expect(try fileStat("\(upper)/d/new").st_uid == Self.base)
        #expect(
            try fileStat("\(upper)/d").st_uid == Self.base && fileStat("\(upper)/other's").st_uid == Self.base + 1000)
        #expect(try fileStat("\(test.layer())/other's").st_mode & 0o777 == 0o644)
    }

    @Test func copyIsMappedByItsMount() throws {
        let test = try TestStore()
        try test.reopen(.copy)
        let id = try test.load(try ArchiveBuilder(layers: Self.layers).oci())[0].image.id
        let mapping = IDMapping(base: Self.base)
        guard case .directory(let path) = try test.store.prepareSnapshot(id: "c", image: id, owners: mapping) else {
            Issue.record("not a copy")
            return
        }
        let namespace = try makeUserNamespace(mapping)
        let tree = try openDirectory(path)
        let mount = try DetachedMount(cloning: tree.raw, recursive: false, name: path)
        try mount.mapOwners(by: namespace.raw)
        #expect(try Directory(try mount.descriptor.duplicate()).ownStatus().uid == Self.base + 3)
        try Self.writeAsRoot(mount, "new")
        #expect(try fileStat("\(path)/d/new").st_uid == 0)
    }

    @Test func isRemembered() throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: Self.layers).oci())[0].image.id
        let odd = IDMapping(
            users: [.init(inside: 0, outside: 70_000, count: 10), .init(inside: 10, outside: 90_000, count: 5)],
            groups: [.init(inside: 4, outside: 4_000_000_000, count: 1)])
        let root = try test.store.prepareSnapshot(id: "c", image: id, owners: odd)
        try test.reopen()
        #expect(try test.store.prepareSnapshot(id: "c", image: id, owners: odd) == root)
        #expect(throws: SwiftletError.self) { try test.store.prepareSnapshot(id: "c", image: id) }
        #expect(try fileStat("\(test.images)/snapshots/c/upper").st_uid == 70_003)
        #expect(try fileStat("\(test.images)/snapshots/c/upper").st_gid == 4_000_000_000)
        let error = #expect(throws: SwiftletError.self) {
            try test.store.prepareSnapshot(id: "d", image: id, owners: IDMapping(base: 70_000, count: 2))
        }
        #expect(error?.message.contains("3:4") == true && error?.code == .failedPrecondition)
        #expect(test.names("snapshots") == ["c"] && test.names("tmp").isEmpty)
    }
}
