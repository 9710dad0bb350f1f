import Errors
import Foundation
import Glibc
import LinuxSystem
import OCI
import Testing

@testable import ImageStore

/// Entries in odd orders: the tree is what applying them one after another gives.
@Suite(needsRoot)
struct LayerTreeTests {
    private typealias Entry = TarWriter.Entry

    /// Files by path, as a container sees layers put on one another, by the kernel and without it.
    private func seen(_ layers: [[Entry]]) throws -> [String] {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: layers).oci())[0].image.id
        var names: [String] = []
        try withMounted(try test.store.prepareSnapshot(id: "s", image: id), test) { root in
            names = try FileManager.default.subpathsOfDirectory(atPath: root).sorted()
        }
        for name in names {
            var status = stat()
            var isFile = false
            try withMounted(try test.store.rootFilesystem(ofSnapshot: "s"), test) { root in
                isFile = lstat("\(root)/\(name)", &status) == 0 && status.st_mode & S_IFMT == S_IFREG
            }
            if isFile { #expect(try test.store.readFile(inImage: id, path: name) != nil, "\(name)") }
        }
        return names
    }

    /// A folder that took a file's place hides what is below, wherever the file came from.
    @Test func replacesFilesByFoldersAndBack() throws {
        let base: [Entry] = [.directory("a/"), .file("a/old"), .file("b"), .directory("c/"), .file("c/old")]
        #expect(
            try seen([base, [.file("a", "x"), .directory("a/"), .file("a/new")]]).filter { $0.hasPrefix("a") } == [
                "a", "a/new",
            ])
        #expect(
            try seen([base, [.directory("b/"), .file("b/x")], [.file("b")]]) == ["a", "a/old", "b", "c", "c/old"])
        #expect(
            try seen([base, [.directory("b/"), .file("b/x")], [.file("b")], [.directory("b/"), .file("b/y")]]).contains(
                "b/x") == false)
        #expect(
            try seen([base, [.file(".wh.a"), .directory("a/"), .file("a", "f"), .directory("a/"), .file("a/n")]])
                .filter { $0.hasPrefix("a") } == ["a", "a/n"])
        #expect(
            try seen([base, [.symlink("c", "a"), .directory("c/"), .file("c/n"), .file("c/.wh..wh..opq")]])
                .filter { $0.hasPrefix("c") } == ["c", "c/n"])
    }

    @Test func takesMarkersAtAnyPosition() throws {
        let base: [Entry] = [.directory("d/"), .file("d/one"), .directory("d/sub/"), .file("d/sub/two"), .file("e")]
        let content: [Entry] = [.directory("d/"), .file("d/new"), .directory("d/sub/"), .file("d/sub/own")]
        let marker = Entry.file("d/.wh..wh..opq")
        for index in 0...content.count {
            var layer = content
            layer.insert(marker, at: index)
            #expect(try seen([base, layer]) == ["d", "d/new", "d/sub", "d/sub/own", "e"], "\(index)")
        }
        for index in 0...content.count {
            var layer = content
            layer.insert(.file("d/.wh.sub"), at: index)
            #expect(try seen([base, layer]) == ["d", "d/new", "d/one", "d/sub", "d/sub/own", "e"], "\(index)")
        }
        expectSame(
            try seen([base, [.file(".wh..wh..opq"), .file("n"), .directory("d/"), .file("d/x")]]), ["d", "d/x", "n"])
        // In a folder that the layer does not describe, and of things that are not there.
        #expect(
            try seen([base, [.file("d/sub/.wh.two"), .file(".wh.none"), .file("new/.wh..wh..opq")]]) == [
                "d", "d/one", "d/sub", "e", "new",
            ])
        #expect(try seen([base, [.file(".wh.d")], [.file("d/again")]]) == ["d", "d/again", "e"])
    }

    /// Times and modes survive entries that come later to a folder that was left.
    @Test func keepsAttributesOfFoldersLeftAndMetAgain() throws {
        let fixture = try LayerFixture()
        let tree = try fixture.unpack(
            TarWriter.archive([
                .init(name: "d/", type: "5", mode: 0o2711, uid: 3, gid: 4, mtime: 1000),
                .init(name: "d/e/", type: "5", mode: 0o700, mtime: 2000), .file("x"), .file("d/e/late"),
                .file("d/late"),
                .file("y"), .hardLink("d/e/link", "x"), .file("z"), .directory("d/e/f/"), .file("d/.wh.gone"),
                .file("implicit/a/b"), .file("y2"), .file("implicit/a/c"),
            ]))
        for (path, mode, time, owner) in [
            ("d", 0o2711, 1000, 3), ("d/e", 0o700, 2000, 0), ("d/e/f", 0o755, 1_700_000_000, 0),
            ("implicit", 0o755, 0, 0),
            ("implicit/a", 0o755, 0, 0),
        ] {
            let status = try fileStat("\(tree)/\(path)")
            #expect(Int(status.st_mode & 0o7777) == mode && status.st_mtim.tv_sec == time, "\(path)")
            #expect(Int(status.st_uid) == owner, "\(path)")
        }
        #expect(try fileStat("\(tree)/d/late").st_gid == 0)
        // The last description counts, of attributes too.
        let twice = try fixture.unpack(
            TarWriter.archive([
                .init(name: "d/", type: "5", mode: 0o711, pax: [("SCHILY.xattr.user.a", [1])]), .file("d/f"),
                .init(name: "d/", type: "5", mode: 0o700, mtime: 5, pax: [("SCHILY.xattr.user.b", [2])]),
            ]))
        #expect(try Directory(path: twice).extendedAttributes("d").map(\.0.text) == ["user.b"])
        #expect(try fileStat("\(twice)/d").st_mtim.tv_sec == 5 && exists("\(twice)/d/f"))
    }

    /// One spelling of a folder after another.
    @Test func readsNamesHoweverSpelled() throws {
        let fixture = try LayerFixture()
        let names = [
            "a/b/1", "./a/b/2", "/a/b/3", "a//b/4", "a/./b/5", "././a/b/./6", "a/b//7", "8", "./9", "/10", "//11",
            "./a/b/",
        ]
        let tree = try fixture.unpack(TarWriter.archive(names.map { $0.hasSuffix("/") ? .directory($0) : .file($0) }))
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: "\(tree)/a/b").sorted() == [
                "1", "2", "3", "4", "5", "6", "7",
            ])
        #expect(try FileManager.default.contentsOfDirectory(atPath: tree).sorted() == ["10", "11", "8", "9", "a"])
        for name in ["a/b/..", "..", "a/b/../c", "a/b/x/../../../.."] {
            let entries: [Entry] = [.directory("a/b/"), .file("a/b/1"), .file(name)]
            #expect(throws: SwiftletError.self, "\(name)") { try fixture.unpack(TarWriter.archive(entries)) }
        }
    }

    @Test func holdsToDepthAndLength() throws {
        let fixture = try LayerFixture()
        var limits = ImageLimits()
        limits.pathDepth = 3
        limits.pathBytes = 20
        for name in ["a/b/c", "a/b/c2"] { try fixture.unpack(TarWriter.archive([.file(name)]), limits: limits) }
        for entries in [
            [.file("a/b/c/d")], [.directory("a/b/c/"), .file("a/b/c/d")],
            [.file("a/b/x"), .file("a/b/" + String(repeating: "y", count: 17))],
        ] as [[Entry]] {
            #expect(throws: SwiftletError.self) { try fixture.unpack(TarWriter.archive(entries), limits: limits) }
        }
        func at(_ depth: Int) -> [UInt8] {
            let path = (1..<depth).map { "\($0 % 10)" }.joined(separator: "/") + "/f"
            return TarWriter.archive([.init(name: "f", pax: [("path", Array(path.utf8))])])
        }
        #expect(try FileManager.default.subpathsOfDirectory(atPath: try fixture.unpack(at(256))).count == 256)
        #expect(throws: SwiftletError.self) { try fixture.unpack(at(257)) }
    }

    // MARK: Many

    @Test func takesManyFilesInOneFolder() throws {
        // In memory: a disk takes long to forget so many.
        let fixture = try LayerFixture(in: "/dev/shm")
        let source = try fixture.folder()
        let commands = [
            "cd \(source)", "mkdir d links", "cd d", "seq 65000 | xargs touch", "seq -f .wh.gone%g 1000 | xargs touch",
            "seq -f %g 0 600 64800 | sed 1d | xargs -I{} ln {} ../links/{}",
        ]
        try run("sh", "-ec", commands.joined(separator: "\n"))
        let tree = try Directory(path: try fixture.unpack(try fixture.tar(source)))
        #expect(try tree.openDirectory("d").names().count == 66_000)
        #expect(try tree.openDirectory("links").names().count == 108)
        #expect(try fileStat("\(source)/links/600").st_nlink == 2)
    }

    /// Layers that describe no folder at all, within memory.
    @Test func limitsUndescribedFolders() throws {
        let fixture = try LayerFixture()
        let names = (0..<300).map { Entry.file("\($0 % 20)/\($0)/f") }
        let root = try Directory(path: try fixture.folder())
        func apply(_ budget: MemoryBudget) throws {
            let applier = LayerApplier(root: root, form: .overlay, lowers: nil, limits: ImageLimits(), budget: budget)
            let reader = TarReader(MemorySource(TarWriter.archive(names)), limits: ImageLimits())
            while let entry = try reader.next() { try applier.apply(entry, data: reader) }
            try applier.finish()
        }
        let error = #expect(throws: SwiftletError.self) { try apply(MemoryBudget(limit: 320 * 96)) }
        #expect(error?.code == .resourceExhausted && error?.hint?.contains("implicit-size") == true)
        try root.removeContents()
        // What one layer took comes back when it goes.
        let budget = MemoryBudget(limit: 320 * 128)
        try apply(budget)
        try root.removeContents()
        try apply(budget)
    }

    @Test func limitsLayersOfAnImage() throws {
        let test = try TestStore()
        let layers = (0..<500).map { [Entry.file("f\($0)", "\($0)")] + ($0 == 499 ? [.hardLink("link", "f0")] : []) }
        let id = try test.load(try ArchiveBuilder(layers: layers, packing: .plain).oci())[0].image.id
        #expect(try test.store.readFile(inImage: id, path: "f250") == Array("250".utf8))
        #expect(try test.store.readFile(inImage: id, path: "link") == Array("0".utf8))
        let error = #expect(throws: SwiftletError.self) {
            try test.load(try ArchiveBuilder(layers: layers + [[.file("x")]], packing: .plain).oci())
        }
        #expect(error?.message.contains("at most 500") == true)
    }

    @Test func countsCopiesOfLowerFiles() throws {
        let fixture = try LayerFixture()
        let below = try fixture.unpack(
            TarWriter.archive([
                .file("a", String(repeating: "x", count: 600)), .file("b", String(repeating: "y", count: 600)),
            ]))
        var limits = ImageLimits()
        limits.layerBytes = 1000
        try fixture.unpack(
            TarWriter.archive([.hardLink("l", "a"), .hardLink("m", "a")]), below: [below], limits: limits)
        let error = #expect(throws: SwiftletError.self) {
            try fixture.unpack(
                TarWriter.archive([.hardLink("l", "a"), .hardLink("m", "b")]), below: [below], limits: limits)
        }
        #expect(error?.code == .resourceExhausted)
    }

    /// A link's target may lie in a folder this layer does not have; the entry's own folder is gone on with afterwards.
    @Test func copiesUpFromOtherFolders() throws {
        let fixture = try LayerFixture()
        let below = try fixture.unpack(
            TarWriter.archive([
                .init(name: "far/", type: "5", mode: 0o711, uid: 9, mtime: 77),
                .init(name: "far/f", data: [1], mode: 0o4755, uid: 2),
            ]))
        let tree = try fixture.unpack(
            TarWriter.archive([
                .directory("d/"), .file("d/a"), .hardLink("d/l", "far/f"), .file("d/b"), .hardLink("far/m", "d/l"),
            ]), below: [below])
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(tree)/d").sorted() == ["a", "b", "l"])
        #expect(try fileStat("\(tree)/d/l").st_nlink == 3 && fileStat("\(tree)/d/l").st_mode & 0o7777 == 0o4755)
        let far = try fileStat("\(tree)/far")
        #expect(far.st_uid == 9 && far.st_mode & 0o7777 == 0o711 && far.st_mtim.tv_sec == 77)
    }

    // MARK: Policy

    @Test(arguments: [
        (Entry(name: "su", data: [1], mode: 0o4755), "setuid"), (Entry(name: "sg", data: [1], mode: 0o2755), "setuid"),
        (Entry(name: "c", type: "3", device: (1, 3)), "devices"),
        (Entry(name: "b", type: "4", device: (8, 1)), "devices"),
        (
            Entry(
                name: "ping", data: [1],
                pax: [
                    (
                        "SCHILY.xattr.security.capability",
                        [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
                    )
                ]),
            "capabilities"
        ),
    ])
    func refusesDeniedFiles(_ entry: TarWriter.Entry, _ name: String) throws {
        let fixture = try LayerFixture()
        let archive = TarWriter.archive([.init(name: "d/", type: "5", mode: 0o2755), .file("plain"), entry])
        try fixture.unpack(archive)
        for denied in ImageDenials.names {
            var limits = ImageLimits()
            limits.denied = try ImageDenials(parsing: denied)
            guard denied == name else {
                try fixture.unpack(archive, limits: limits)
                continue
            }
            let error = #expect(throws: SwiftletError.self) { try fixture.unpack(archive, limits: limits) }
            #expect(error?.code == .permissionDenied && error?.message.contains("\"\(entry.name)\"") == true)
            #expect(error?.hint?.contains("--image-deny \(name)") == true)
        }
    }
}
