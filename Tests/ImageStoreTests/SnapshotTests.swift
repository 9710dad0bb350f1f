import Errors
import Foundation
import Glibc
import LinuxSystem
import OCI
import Testing

@testable import ImageStore

@Suite(needsRoot)
struct SnapshotTests {
    static let layers: [[TarWriter.Entry]] = [
        [
            .init(name: "./", type: "5", mode: 0o751), .directory("etc/"), .file("etc/passwd", "root:x:0:0"),
            .symlink("etc/loop", "loop"), .symlink("etc/abs", "/etc/passwd"), .symlink("up", "../../../etc/passwd"),
            .symlink("lib", "usr/lib"), .directory("usr/"), .directory("usr/lib/"), .file("usr/lib/x", "lib"),
            .file("two", "2"), .hardLink("twin", "two"), .init(name: "dev", type: "3", device: (1, 3)),
        ],
        [.file(".wh.two"), .directory("usr/"), .file("usr/.wh.lib"), .file("usr/new", "n")],
        [.directory("usr/lib/"), .file("usr/lib/y", "y")],
    ]

    @Test func preparesOnce() throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: Self.layers).oci())[0].image.id
        let store = test.store
        let first = try store.prepareSnapshot(id: "c1", image: id)
        #expect(try store.prepareSnapshot(id: "c1", image: id) == first)
        #expect(try store.rootFilesystem(ofSnapshot: "c1") == first)
        #expect(store.snapshots().map(\.id) == ["c1"])
        let other = try test.load(try ArchiveBuilder(layers: [[.file("a")]], name: "other").oci())[0].image.id
        #expect(throws: SwiftletError.self) { try store.prepareSnapshot(id: "c1", image: other) }
        for bad in ["", "..", ".", "a/b", "-x", String(repeating: "a", count: 129), "a\u{0}b"] {
            #expect(throws: SwiftletError.self) { try store.prepareSnapshot(id: bad, image: id) }
        }
        #expect(throws: SwiftletError.self) { try store.prepareSnapshot(id: "c2", image: Digest.of([1])) }
        // The image goes, its layers stay until the snapshot goes.
        try store.remove("test/app:1")
        #expect(test.names("layers") == ["0", "1", "2", "3", "4"])
        #expect(try store.readFile(inSnapshot: "c1", path: "etc/passwd") == Array("root:x:0:0".utf8))
        try store.removeSnapshot(id: "c1")
        try store.removeSnapshot(id: "c1")
        #expect(test.names("layers") == ["0", "4"])
        #expect(test.names("snapshots").isEmpty && test.names("tmp").isEmpty)
    }

    @Test func readsThroughLayers() throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: Self.layers).oci())[0].image.id
        _ = try test.store.prepareSnapshot(id: "c", image: id)
        func read(_ path: String) throws -> String? {
            try test.store.readFile(inSnapshot: "c", path: path).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(try read("/etc/passwd") == "root:x:0:0")
        #expect(try read("/etc/abs") == "root:x:0:0")
        #expect(try read("up") == "root:x:0:0")
        #expect(try read("../../etc/../etc/./passwd") == "root:x:0:0")
        #expect(try read("two") == nil && read("twin") == "2")
        #expect(try read("lib/x") == nil && read("lib/y") == "y")
        #expect(try read("etc/passwd/x") == nil)
        #expect(throws: SwiftletError.self) { try read("etc/loop") }
        #expect(throws: SwiftletError.self) { try read("etc") }
        #expect(throws: SwiftletError.self) { try read("dev") }
        #expect(throws: SwiftletError.self) { try test.store.readFile(inSnapshot: "c", path: "etc/passwd", limit: 3) }
        // The writable layer comes first.
        let upper = "\(test.images)/snapshots/c/upper"
        try FileManager.default.createDirectory(atPath: "\(upper)/etc", withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(upper)/etc/passwd"))
        #expect(try read("etc/abs") == "mine")
        #expect(try test.store.snapshotUsage(id: "c").usage.inodes == 3)
        #expect(try fileStat(upper).st_mode & 0o7777 == 0o751)
    }

    @Test func mountsWhatLayersSay() throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: Self.layers).oci())[0].image.id
        try withMounted(try test.store.prepareSnapshot(id: "c", image: id), test) { root in
            #expect(exists("\(root)/usr/lib/y") && !exists("\(root)/usr/lib/x") && !exists("\(root)/two"))
            let twin = try fileStat("\(root)/twin")
            #expect(twin.st_mode & 0o777 == 0o644)
        }
    }

    /// Old builders put the same empty layer into an image many times; overlayfs refuses a directory that comes twice.
    @Test func mountsALayerThatComesTwice() throws {
        let test = try TestStore()
        let layers: [[TarWriter.Entry]] = [[.file("a", "1")], [], [.file("a", "2")], [], [.file("a", "1")]]
        let id = try test.load(try ArchiveBuilder(layers: layers).oci())[0].image.id
        try withMounted(try test.store.prepareSnapshot(id: "c", image: id), test) { root in
            let text = try String(contentsOfFile: "\(root)/a", encoding: .utf8)
            #expect(text == "1")
        }
        let none = try test.load(try ArchiveBuilder(layers: [], name: "none").docker())[0].image.id
        try withMounted(try test.store.prepareSnapshot(id: "n", image: none), test) { root in
            let names = try FileManager.default.contentsOfDirectory(atPath: root)
            #expect(names.isEmpty)
        }
    }

    /// What the copying back-end makes of layers in either form is what overlay shows.
    @Test(arguments: [WhiteoutForm.overlay, .marker])
    func copies(_ form: WhiteoutForm) throws {
        let test = try TestStore()
        let scratch = try Directory(making: "\(test.scratch)/trees")
        try scratch.makeDirectory("merged")
        let merged = try scratch.openDirectory("merged")
        var merge = TreeMerge(into: merged)
        var below: [Directory] = []
        for (index, entries) in Self.layers.enumerated() {
            let name = FileName("layer\(index)")
            try scratch.makeDirectory(name)
            let root = try scratch.openDirectory(name)
            let tar = TarReader(MemorySource(TarWriter.archive(entries)), limits: ImageLimits())
            let applier = LayerApplier(
                root: root, form: form, lowers: LayeredView(layers: below.reversed()), limits: ImageLimits())
            while let entry = try tar.next() { try applier.apply(entry, data: tar) }
            try applier.finish()
            try merge.add(root)
            below.append(root)
        }
        let names = try FileManager.default.subpathsOfDirectory(atPath: "\(test.scratch)/trees/merged").sorted()
        #expect(
            names == [
                "dev", "etc", "etc/abs", "etc/loop", "etc/passwd", "lib", "twin", "up", "usr", "usr/lib", "usr/lib/y",
                "usr/new",
            ])
        let view = LayeredView(layers: below.reversed())
        #expect(try view.readFile("lib/y", limit: 10) == Array("y".utf8))
        #expect(try view.readFile("lib/x", limit: 10) == nil)
        #expect(try view.readFile("two", limit: 10) == nil)
    }

    @Test func removesDeepTrees() throws {
        let test = try TestStore()
        var directory = try Directory(making: "\(test.scratch)/deep")
        // As the removal itself names what it moves.
        for number in 0..<100 {
            let name = FileName(".moved-up-\(number)")
            try directory.makeDirectory(name)
            _ = try directory.openDirectory(name).createFile("x")
        }
        for _ in 0..<3000 {
            try directory.makeDirectory("d")
            _ = try directory.createFile("f")
            directory = try directory.openDirectory("d")
        }
        try Directory(path: test.scratch).removeTree("deep")
        #expect(!exists("\(test.scratch)/deep"))
    }
}
