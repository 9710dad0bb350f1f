import Errors
import Foundation
import Glibc
import LinuxSystem
import OCI
import Testing

@testable import ImageStore

@Suite(needsRoot)
struct ViewTests {
    private static func names(_ mount: borrowing DetachedMount) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: "/proc/self/fd/\(mount.descriptor.raw)/.").sorted()
    }

    @Test func showsAnImage() throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: SnapshotTests.layers).oci())[0].image.id
        let mount = try test.store.mountView(id: "look", of: id, note: "/mnt")
        #expect(
            try Self.names(mount) == [
                "dev", "etc", "etc/abs", "etc/loop", "etc/passwd", "lib", "twin", "up", "usr", "usr/lib", "usr/lib/y",
                "usr/new",
            ])
        let root = Directory(try mount.descriptor.duplicate())
        #expect(try root.ownStatus().mode == 0o751)
        let error = #expect(throws: SwiftletError.self) { try root.openDirectory(".").removeFile("twin") }
        #expect(error?.errno == EROFS)
        #expect(test.store.snapshots().isEmpty)
        #expect(test.store.views().map(\.note) == ["/mnt"])
        // As many mounts as one likes, of one view.
        #expect(try Self.names(try test.store.mountView(id: "look", of: id)).count == 12)
        #expect(throws: SwiftletError.self) { try test.store.rootFilesystem(ofSnapshot: "look") }
        #expect(throws: SwiftletError.self) { try test.store.prepareSnapshot(id: "look", image: id) }
    }

    @Test func showsFewAndManyLayers() throws {
        let test = try TestStore()
        func look(_ layers: [[TarWriter.Entry]], _ name: String) throws -> [String] {
            let image = try test.load(try ArchiveBuilder(layers: layers, name: name).docker())[0].image.id
            return try Self.names(try test.store.mountView(id: name, of: image))
        }
        #expect(try look([], "none") == [])
        #expect(try look([[.file("a"), .file(".wh.b")]], "one") == ["a"])
        #expect(try look((0..<130).map { [.file("f\($0)")] }, "many").count == 130)
    }

    @Test func mapsOwners() throws {
        let test = try TestStore()
        let layers: [[TarWriter.Entry]] = [
            [.init(name: "./", type: "5", mode: 0o700, uid: 3), .file("a")], [.init(name: "b", uid: 9, gid: 4)],
        ]
        let id = try test.load(try ArchiveBuilder(layers: layers).oci())[0].image.id
        let namespace = try makeUserNamespace(IDMapping(base: 300_000))
        let mount = try test.store.mountView(id: "look", of: id, owners: namespace.raw)
        let root = Directory(try mount.descriptor.duplicate())
        #expect(try root.ownStatus().uid == 300_003)
        #expect(try root.status("a")?.uid == 300_000)
        #expect(try root.status("b")?.uid == 300_009 && root.status("b")?.gid == 300_004)
        #expect(try fileStat("\(test.layer())/a").st_uid == 0)
    }

    /// Where overlay cannot be used, a view is a copy of its own.
    @Test func copies() throws {
        let test = try TestStore()
        try test.reopen(.copy)
        let id = try test.load(try ArchiveBuilder(layers: SnapshotTests.layers).oci())[0].image.id
        let mount = try test.store.mountView(id: "look", of: id)
        #expect(try Self.names(mount).count == 12)
        let root = Directory(try mount.descriptor.duplicate())
        #expect(try root.ownStatus().mode == 0o751)
        #expect(throws: SwiftletError.self) { try root.removeFile("twin") }
        let namespace = try makeUserNamespace(IDMapping(base: 300_000))
        let mapped = try test.store.mountView(id: "look", of: id, owners: namespace.raw)
        #expect(try Directory(try mapped.descriptor.duplicate()).status("twin")?.uid == 300_000)
        try test.store.removeView(id: "look")
        #expect(test.names("snapshots").isEmpty && test.names("tmp").isEmpty)
    }

    /// Neither the removal of the image nor a restart takes the layers from under a mount.
    @Test func keepsLayers() throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: SnapshotTests.layers).oci())[0].image.id
        let mount = try test.store.mountView(id: "look", of: id)
        try test.store.remove("test/app:1")
        try test.reopen()
        #expect(test.names("layers") == ["0", "1", "2", "3"])
        #expect(try Self.names(mount).count == 12)
        #expect(test.store.views().map(\.id) == ["look"])
        try test.store.removeSnapshot(id: "look")  // not one
        #expect(test.store.views().count == 1)
        try test.store.removeView(id: "look")
        try test.store.removeView(id: "look")
        #expect(test.names("layers") == ["0"] && test.names("snapshots").isEmpty && test.names("tmp").isEmpty)
        #expect(throws: SwiftletError.self) { try test.store.mountView(id: "look", of: id).descriptor.raw == 0 }
    }
}

extension TestStore {
    /// As after a restart of the daemon, with another `--snapshotter` perhaps.
    func reopen(_ snapshotter: SnapshotterReport.Choice = .auto) throws {
        // The old one gives the lock back when it goes. A program that another test is starting may still have a copy.
        store = try ImageStore(directory: scratch + "/aside-\(UUID().uuidString)", logger: quietLogger)
        let directory = images
        func open() -> Result<ImageStore, SwiftletError> {
            Result { () throws(SwiftletError) in
                try ImageStore(directory: directory, snapshotter: snapshotter, logger: quietLogger)
            }
        }
        var opened = open()
        for _ in 0..<500 {
            guard case .failure(let error) = opened, error.message.contains("in use") else { break }
            usleep(10_000)
            opened = open()
        }
        store = try opened.get()
    }
}
