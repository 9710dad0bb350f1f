import Errors
import Foundation
import Glibc
import LinuxSystem
import Testing

@testable import ImageStore

@Suite(needsRoot, .serialized)
struct VolumeTests {
    private static let layers: [[TarWriter.Entry]] = [
        [
            .directory("var/"), .directory("var/lib/"),
            .init(name: "var/lib/db", type: "5", mode: 0o700, uid: 70, gid: 71),
            .init(
                name: "var/lib/db/base", data: [1, 2], mode: 0o640, uid: 70, gid: 71,
                pax: [("SCHILY.xattr.user.k", [7])]),
            .hardLink("var/lib/db/twin", "var/lib/db/base"), .hardLink("outside", "var/lib/db/base"),
            .file("var/lib/db/gone"), .directory("var/lib/db/opaque/"), .file("var/lib/db/opaque/old"),
            .symlink("data", "var/lib/db"), .symlink("var/run", "/run"), .directory("run/"), .file("run/pid", "1"),
            .symlink("up", "../../../../../../etc"), .symlink("loop", "loop"), .file("file", "x"),
            .directory("etc/"), .file("etc/inside", "image"),
        ],
        [
            .file("var/lib/db/.wh.gone"), .directory("var/lib/db/opaque/"), .file("var/lib/db/opaque/.wh..wh..opq"),
            .file("var/lib/db/opaque/new"), .init(name: "var/lib/db/second", data: [2], uid: 70, gid: 71),
        ],
    ]

    private static func tree(_ volume: ImageVolume) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: volume.directory).sorted()
    }

    @Test(arguments: [SnapshotterReport.Choice.overlay, .copy])
    func holdWhatTheImageHas(_ snapshotter: SnapshotterReport.Choice) throws {
        let test = try TestStore()
        try test.reopen(snapshotter)
        let id = try test.load(try ArchiveBuilder(layers: Self.layers).oci())[0].image.id
        let paths = ["/var/lib/db", "/data", "/var/run", "/up", "/absent/deep"]
        let root = try test.store.prepareSnapshot(id: "c", image: id, volumes: paths)
        let volumes = try test.store.imageVolumes(ofSnapshot: "c")
        #expect(volumes.map(\.path) == paths)
        let database = volumes[0].directory
        for volume in volumes[0...1] {
            #expect(try Self.tree(volume) == ["base", "opaque", "opaque/new", "second", "twin"])
        }
        let (top, base) = (try fileStat(database), try fileStat("\(database)/base"))
        // The highest layer that has the directory says whose it is.
        #expect(top.st_uid == 70 && top.st_gid == 71 && top.st_mode & 0o7777 == 0o700)
        #expect(base.st_uid == 70 && base.st_gid == 71 && base.st_mode & 0o7777 == 0o640 && base.st_nlink == 2)
        #expect(try fileStat("\(database)/twin").st_ino == base.st_ino)
        #expect(try Directory(path: database).extendedAttributes("base").map(\.1) == [[7]])
        #expect(try Self.tree(volumes[2]) == ["pid"])
        // Links lead nowhere out of the image.
        #expect(try String(contentsOfFile: "\(volumes[3].directory)/inside", encoding: .utf8) == "image")
        #expect(try Self.tree(volumes[3]) == ["inside"])
        let empty = try fileStat(volumes[4].directory)
        #expect(try Self.tree(volumes[4]).isEmpty)
        #expect(empty.st_uid == 0 && empty.st_mode & 0o7777 == 0o755)
        // The same again is the same; other volumes are not.
        #expect(try test.store.prepareSnapshot(id: "c", image: id, volumes: paths) == root)
        #expect(throws: SwiftletError.self) { try test.store.prepareSnapshot(id: "c", image: id) }
    }

    @Test func livesAndGoesWithItsSnapshot() throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: Self.layers).oci())[0].image.id
        _ = try test.store.prepareSnapshot(id: "c", image: id, volumes: ["/data"])
        let volume = try test.store.imageVolumes(ofSnapshot: "c")[0]
        try Data(count: 1 << 20).write(to: URL(fileURLWithPath: "\(volume.directory)/written"))
        // Upper; volumes, the volume itself, opaque, and four files of which two are one.
        #expect(try test.store.snapshotUsage(id: "c").usage.inodes == 1 + 2 + 1 + 4)
        #expect(try test.store.snapshotUsage(id: "c").usage.bytes >= 1 << 20)
        try test.reopen()
        #expect(try test.store.imageVolumes(ofSnapshot: "c") == [volume])
        #expect(exists("\(volume.directory)/written"))
        // Another container has one of its own.
        _ = try test.store.prepareSnapshot(id: "d", image: id, volumes: ["/data"])
        #expect(!exists("\(try test.store.imageVolumes(ofSnapshot: "d")[0].directory)/written"))
        try test.store.removeSnapshot(id: "c")
        #expect(test.names("snapshots") == ["d"] && test.names("tmp").isEmpty)
        #expect(throws: SwiftletError.self) { try test.store.imageVolumes(ofSnapshot: "c") }
    }

    @Test(arguments: ["/file", "/loop", "/loop/x"])
    func errors(_ path: String) throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: Self.layers).oci())[0].image.id
        let error = #expect(throws: SwiftletError.self) {
            try test.store.prepareSnapshot(id: "c", image: id, volumes: ["/data", path])
        }
        #expect(error?.message.contains("image volume \(path)") == true, "\(error as Any)")
        #expect(test.names("snapshots").isEmpty && test.names("tmp").isEmpty && test.store.snapshots().isEmpty)
        // Nothing keeps the image's layers.
        try test.store.remove("test/app:1")
        #expect(test.names("layers") == ["0"])
    }
}
