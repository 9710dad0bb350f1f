import Errors
import Foundation
import Glibc
import LinuxSystem
import OCI
import Testing

@testable import ImageStore

@Suite(needsRoot)
struct LayerTests {
    /// umoci deletes what was in a folder that the same layer makes a file of.
    @Test func whiteoutsBelowAFileSayNothing() throws {
        let test = try TestStore()
        let lower: [TarWriter.Entry] = [.directory("d/"), .file("d/in", "old"), .directory("l/"), .file("l/in", "old")]
        let upper: [TarWriter.Entry] = [
            .file("d", "now a file"), .file("d/.wh.in"), .symlink("l", "d"), .file("l/.wh.in"), .file("after", "x"),
        ]
        let image = try test.load(try ArchiveBuilder(layers: [lower, upper]).oci())[0].image
        #expect(try test.store.readFile(inImage: image.id, path: "/d") == Array("now a file".utf8))
        #expect(try test.store.readFile(inImage: image.id, path: "/after") == Array("x".utf8))
        #expect(try test.store.verify(image).faults == [])
    }

    @Test func setsEverything() throws {
        let test = try TestStore()
        let capability: [UInt8] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let long = String(repeating: "d", count: 120) + "/" + String(repeating: "f", count: 200)
        try test.load(
            try ArchiveBuilder(layers: [
                [
                    .init(name: "./", type: "5", mode: 0o711, uid: 3, mtime: 1000),
                    .init(name: "./bin/", type: "5", mode: 0o1777, uid: 1, gid: 2, mtime: 2000),
                    .init(
                        name: "bin/su", data: [1, 2, 3], mode: 0o4755, uid: 5, gid: 6,
                        pax: [
                            ("mtime", Array("1234.000000789".utf8)), ("SCHILY.xattr.security.capability", capability),
                            ("SCHILY.xattr.user.note", Array("hi".utf8)),
                            ("SCHILY.xattr.trusted.overlay.opaque", [0x79]),
                        ]),
                    .symlink("bin/link", "../../../etc/passwd"), .hardLink("bin/su2", "./bin/su"),
                    .init(name: "null", type: "3", mode: 0o666, device: (1, 3)),
                    .init(name: "pipe", type: "6", mode: 0o600),
                    .init(name: "disk", type: "4", mode: 0o660, gid: 6, device: (8, 300)),
                    .init(name: "x", data: [9], pax: [("path", Array(long.utf8)), ("uid", Array("3000000".utf8))]),
                    .file("/absolute", "ok"), .init(name: "old/", type: "\0", mode: 0o700),
                ]
            ]).oci())
        let root = test.layer()
        let su = try fileStat("\(root)/bin/su")
        #expect(su.st_mode & 0o7777 == 0o4755 && su.st_uid == 5 && su.st_gid == 6 && su.st_nlink == 2)
        #expect(su.st_mtim.tv_sec == 1234 && su.st_mtim.tv_nsec == 789)
        let bin = try fileStat("\(root)/bin")
        #expect(bin.st_mode & 0o7777 == 0o1777 && bin.st_uid == 1 && bin.st_mtim.tv_sec == 2000)
        let top = try fileStat(root)
        #expect(top.st_mode & 0o7777 == 0o711 && top.st_uid == 3 && top.st_mtim.tv_sec == 1000)
        let directory = try Directory(path: "\(root)/bin")
        let attributes = Dictionary(
            uniqueKeysWithValues: try directory.extendedAttributes("su").map { ($0.0.text, $0.1) })
        #expect(attributes == ["security.capability": capability, "user.note": Array("hi".utf8)])
        #expect(try directory.linkTarget("link").text == "../../../etc/passwd")
        #expect(try fileStat("\(root)/null").st_rdev == makeDevice(1, 3))
        #expect(try fileStat("\(root)/disk").st_rdev == makeDevice(8, 300))
        #expect(try fileStat("\(root)/pipe").st_mode & S_IFMT == S_IFIFO)
        #expect(try fileStat("\(root)/\(long)").st_uid == 3_000_000)
        #expect(exists("\(root)/absolute"))
        #expect(try fileStat("\(root)/old").st_mode == S_IFDIR | 0o700)
    }

    private func makeDevice(_ major: UInt32, _ minor: UInt32) -> UInt {
        UInt(Directory.deviceNumber(major: major, minor: minor))
    }

    @Test func replaces() throws {
        let test = try TestStore()
        try test.load(
            try ArchiveBuilder(layers: [
                [
                    .directory("a/"), .file("a/x", "1"), .file("a", "now a file"), .file("b", "1"), .directory("b/"),
                    .file("b/y", "2"), .symlink("c", "/etc"), .file("c", "plain"), .directory("d/"), .file("d/z"),
                    .directory("d/", mode: 0o700), .file("e", "one"), .file("e", "two"), .hardLink("f", "e"),
                    .hardLink("f", "b/y"), .directory("g/h/"), .symlink("g", "d"),
                ]
            ]).oci())
        let root = test.layer()
        #expect(try String(contentsOfFile: "\(root)/a", encoding: .utf8) == "now a file")
        #expect(try String(contentsOfFile: "\(root)/b/y", encoding: .utf8) == "2")
        #expect(try fileStat("\(root)/c").st_mode & S_IFMT == S_IFREG)
        #expect(try fileStat("\(root)/d").st_mode & 0o777 == 0o700 && exists("\(root)/d/z"))
        #expect(try String(contentsOfFile: "\(root)/e", encoding: .utf8) == "two")
        #expect(try fileStat("\(root)/f").st_ino == fileStat("\(root)/b/y").st_ino)
        #expect(try fileStat("\(root)/g").st_mode & S_IFMT == S_IFLNK)
    }

    @Test func mapsWhiteouts() throws {
        let test = try TestStore()
        let base: [TarWriter.Entry] = [
            .directory("d/"), .file("d/old"), .directory("e/"), .file("e/old"), .file("gone"), .directory("f/"),
            .file("f/old"), .directory("h/"), .file("h/old"), .file("i"),
        ]
        let top: [TarWriter.Entry] = [
            .file(".wh.gone"), .directory("d/"), .file("d/new"), .file("d/.wh..wh..opq"), .file(".wh.e"),
            .directory("e/"), .file("e/new"), .directory("f/"), .file("f/new"), .file(".wh.f"), .file(".wh..wh.plnk"),
            .file(".wh.h"), .file("h/implicit"), .file(".wh.i"), .file("i", "again"), .file(".wh.never"),
        ]
        let id = try test.load(try ArchiveBuilder(layers: [base, top]).oci())[0].image.id
        let root = test.layer(2)
        #expect(try fileStat("\(root)/gone").st_mode & S_IFMT == S_IFCHR && fileStat("\(root)/gone").st_rdev == 0)
        for name in ["d", "e", "f", "h"] {
            #expect(try LayeredView.isOpaque(Directory(path: "\(root)/\(name)")), "\(name)")
        }
        #expect(!exists("\(root)/.wh..wh.plnk") && !exists("\(root)/d/.wh..wh..opq"))
        try expectTree(test, id)
        let overlay = try test.store.prepareSnapshot(id: "s", image: id)
        try withMounted(overlay, test) { mounted in
            let names = try FileManager.default.subpathsOfDirectory(atPath: mounted).sorted()
            #expect(names == ["d", "d/new", "e", "e/new", "f", "f/new", "h", "h/implicit", "i"])
        }
    }

    private func expectTree(_ test: TestStore, _ id: Digest) throws {
        for (path, there) in [
            ("d/old", false), ("d/new", true), ("e/old", false), ("e/new", true), ("f/old", false), ("f/new", true),
            ("gone", false), ("h/old", false), ("h/implicit", true), ("i", true), ("never", false),
        ] {
            #expect(try (test.store.readFile(inImage: id, path: path) != nil) == there, "\(path)")
        }
    }

    /// Layers that pass through directories without describing them take over what the layers below say of those.
    @Test func keepsAttributesOfParentsBelow() throws {
        let test = try TestStore()
        let base: [TarWriter.Entry] = [.init(name: "tmp/", type: "5", mode: 0o1777, uid: 7), .file("one", "1")]
        let other: [TarWriter.Entry] = [.init(name: "tmp/", type: "5", mode: 0o711, uid: 8)]
        let top: [TarWriter.Entry] = [.file("tmp/file", "x"), .file("new/dir/file")]
        try test.load(try ArchiveBuilder(layers: [base, top], name: "one").oci())
        try test.load(try ArchiveBuilder(layers: [other, top], name: "two").oci())
        #expect(test.names("layers") == ["0", "1", "2", "3", "4"])
        let first = try fileStat("\(test.layer(2))/tmp")
        #expect(first.st_mode & 0o7777 == 0o1777 && first.st_uid == 7)
        #expect(try fileStat("\(test.layer(4))/tmp").st_mode & 0o7777 == 0o711)
        #expect(try fileStat("\(test.layer(2))/new/dir").st_mode & 0o7777 == 0o755)
    }

    @Test func linksIntoLowerLayers() throws {
        let test = try TestStore()
        let base: [TarWriter.Entry] = [
            .directory("d/", mode: 0o750), .init(name: "d/f", data: [7], mode: 0o4711, uid: 9),
        ]
        let id = try test.load(
            try ArchiveBuilder(layers: [base, [.hardLink("link", "d/f"), .hardLink("link2", "link")]]).oci())[0].image
            .id
        let root = test.layer(2)
        let link = try fileStat("\(root)/link")
        #expect(link.st_nlink == 3 && link.st_mode & 0o7777 == 0o4711 && link.st_uid == 9)
        #expect(try fileStat("\(root)/d").st_mode & 0o777 == 0o750)
        #expect(try fileStat("\(root)/d/f").st_ino == link.st_ino)
        #expect(try test.store.readFile(inImage: id, path: "link2") == [7])
    }

    @Test func takesManyLayersAndNames() throws {
        let test = try TestStore()
        let layers = (0..<128).map { [TarWriter.Entry.file("f\($0)", "\($0)")] }
        let id = try test.load(try ArchiveBuilder(layers: layers).oci())[0].image.id
        let overlay = try test.store.prepareSnapshot(id: "s", image: id)
        #expect(try #require(overlay.overlay).options.utf8.count < 4000)
        guard case .overlay(let directory, let lowers, _, _) = overlay else { return }
        #expect(lowers.count == 128 && lowers.first == "128" && lowers.allSatisfy { exists("\(directory)/\($0)") })
        let many = (0..<5000).map { TarWriter.Entry.file("dir/\($0)") }
        try test.load(try ArchiveBuilder(layers: [many], name: "many").oci())
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(test.layer(129))/dir").count == 5000)
    }

    @Test func keepsNamesThatAreNoText() throws {
        let test = try TestStore()
        let name: [UInt8] = [0xff, 0xfe, 0x80]
        try test.load(try ArchiveBuilder(layers: [[.init(name: "x", data: [1], pax: [("path", name)])]]).oci())
        #expect(try Directory(path: test.layer()).names() == [FileName(name)])
    }
}

/// Mounts a snapshot where only this call sees it: the mount hangs nowhere, and is reached by its descriptor.
func withMounted(_ root: RootFilesystem, _ test: TestStore, _ body: (String) throws -> Void) throws {
    switch root {
    case .directory(let path): try body(path)
    case .overlay(let layers, let lowers, let upper, let work):
        // By descriptors: a value of fsconfig(2) has at most 255 bytes.
        let directories = try lowers.map { try Directory(path: "\(layers)/\($0)") }
        let paths = directories.map { "/proc/self/fd/\($0.descriptor.raw)" }
        let (upper, work) = (try Directory(path: upper), try Directory(path: work))
        let mount = try DetachedMount(
            filesystem: "overlay", source: "test",
            options: [
                ("lowerdir", paths.joined(separator: ":")), ("upperdir", "/proc/self/fd/\(upper.descriptor.raw)"),
                ("workdir", "/proc/self/fd/\(work.descriptor.raw)"),
            ], [])
        try body("/proc/self/fd/\(mount.descriptor.raw)/.")
    }
}
