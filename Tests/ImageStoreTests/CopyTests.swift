import Errors
import Foundation
import Glibc
import LinuxSystem
import OCI
import Testing

@testable import ImageStore

/// The copying back-end makes what overlay shows.
@Suite(needsRoot)
struct CopyTests {
    /// Everything of a tree that a container could see.
    struct Node: Equatable, CustomStringConvertible {
        var status: FileStatus
        var attributes: [String: [UInt8]]
        var content: [UInt8]
        /// Other names of the same file.
        var twins: [String]

        static func == (left: Node, right: Node) -> Bool { left.description == right.description }

        var description: String {
            let status = status
            let size = status.kind == .directory ? 0 : status.size
            return
                "\(status.kind) \(String(status.mode, radix: 8)) \(status.uid):\(status.gid) \(size) \(status.modified) "
                + "\(status.deviceNumber) \(attributes.sorted { $0.key < $1.key }) \(content.count):\(content.prefix(64)) \(twins)"
        }
    }

    static func tree(_ top: String) throws -> [String: Node] {
        var found: [String: Node] = [:]
        var names: [UInt64: [String]] = [:]
        let paths = try FileManager.default.subpathsOfDirectory(atPath: top).sorted()
        for path in [""] + paths {
            let parts = path.split(separator: "/")
            let parent = try Directory(path: "\(top)/\(parts.dropLast().joined(separator: "/"))")
            let name = FileName(parts.last.map(String.init) ?? ".")
            let status = try #require(try parent.status(name))
            var content: [UInt8] = []
            if status.kind == .regular { content = try parent.openFile(name).readAll(limit: 1 << 26) }
            if status.kind == .symbolicLink { content = Array(try parent.linkTarget(name).bytes) }
            let pairs = try parent.extendedAttributes(name).map { ($0.0.text, $0.1) }
            found[path] = Node(
                status: status, attributes: Dictionary(uniqueKeysWithValues: pairs), content: content, twins: [])
            if status.kind != .directory, status.links > 1 { names[status.inode, default: []].append(path) }
        }
        for twins in names.values where twins.count > 1 { for path in twins { found[path]?.twins = twins } }
        return found
    }

    private static let capability: [UInt8] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    /// user::rwx user:1000:r-x group::r-x mask::r-x other::---
    private static func acl(_ id: UInt8) -> [UInt8] {
        [2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 5, 0, id, 3, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255]
            + [16, 0, 5, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255]
    }

    private static let rich: [[TarWriter.Entry]] = [
        [
            .init(name: "./", type: "5", mode: 0o1771, uid: 5, gid: 6),
            .init(
                name: "capable", data: [1, 2, 3], mode: 0o755,
                pax: [("SCHILY.xattr.security.capability", capability), ("mtime", Array("1234567890.123456789".utf8))]),
            .init(name: "suid", data: [1], mode: 0o6755, uid: 1000, gid: 1001),
            .init(
                name: "d", type: "5", mode: 0o750,
                pax: [
                    ("SCHILY.xattr.system.posix_acl_access", acl(0xe8)),
                    ("SCHILY.xattr.system.posix_acl_default", acl(0xe9)), ("SCHILY.xattr.user.old", [1]),
                    ("mtime", Array("987654321.5".utf8)),
                ]),
            .file("d/below", "b"), .file("d/removed"), .directory("opaque/"), .file("opaque/old"),
            .directory("deep/"), .directory("deep/er/"), .file("deep/er/kept", "k"),
            .file("a", "one"), .hardLink("b", "a"), .hardLink("deep/c", "a"), .symlink("link", "a"),
            .init(name: "null", type: "3", mode: 0o666, device: (1, 3)), .init(name: "pipe", type: "6", mode: 0o600),
            .file("becomes-folder"), .directory("becomes-file/"), .file("becomes-file/x"),
            .init(name: "sparse", data: [UInt8](repeating: 0, count: 1 << 20) + [1]),
        ],
        [
            .init(name: "d", type: "5", mode: 0o705, uid: 9, pax: [("SCHILY.xattr.user.new", [2])]),
            .file("d/.wh.removed"), .directory("opaque/", mode: 0o700), .file("opaque/.wh..wh..opq"),
            .file("opaque/new"),
            .file("b", "two"), .hardLink("e", "b"), .directory("becomes-folder/"), .file("becomes-folder/in"),
            .file("becomes-file", "f"), .file(".wh.pipe"), .hardLink("deep/lower", "a"),
        ],
        [.directory("deep/"), .file("deep/.wh.er"), .file("d/again"), .symlink("link2", "/d/again")],
    ]

    @Test func looksLikeOverlay() throws {
        let (overlaid, copied) = (try TestStore(), try TestStore())
        try copied.reopen(.copy)
        #expect(copied.store.snapshotter.kind == .copy)
        let archive = try ArchiveBuilder(layers: Self.rich).oci()
        let id = try overlaid.load(archive)[0].image.id
        try copied.load(archive)
        let overlay = try #require(try overlaid.store.prepareSnapshot(id: "c", image: id).overlay)
        let mount = try overlay.detached()
        let expected = try Self.tree("/proc/self/fd/\(mount.descriptor.raw)/.")
        guard case .directory(let path) = try copied.store.prepareSnapshot(id: "c", image: id) else {
            Issue.record("not a copy")
            return
        }
        var found = try Self.tree(path)
        for (name, node) in expected {
            let other = found.removeValue(forKey: name)
            #expect(other?.description == node.description, "\(name)")
        }
        #expect(found.isEmpty, "\(found.keys)")
        #expect(expected["capable"]?.attributes["security.capability"] == Self.capability)
        #expect(expected["d"]?.attributes.keys.sorted() == ["user.new"])
        #expect(expected["capable"]?.status.modified.nanoseconds == 123_456_789)
    }

    /// Layers of a store that could overlay are copied by one that may not, and the other way round they are unpacked anew.
    @Test func takesLayersOfTheOtherForm() throws {
        let test = try TestStore()
        let archive = try ArchiveBuilder(layers: Self.rich).oci()
        let id = try test.load(archive)[0].image.id
        try test.reopen(.copy)
        _ = try test.store.prepareSnapshot(id: "c", image: id)
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(test.images)/snapshots/c/rootfs/opaque")
        #expect(names == ["new"] && !exists("\(test.images)/snapshots/c/rootfs/pipe"))
        try test.load(archive)
        try test.reopen(.overlay)
        #expect(try test.store.rootFilesystem(ofSnapshot: "c") == .directory(path: "\(test.images)/snapshots/c/rootfs"))
        try test.load(archive)
        let root = try test.store.prepareSnapshot(id: "d", image: id)
        #expect(root.overlay != nil)
        try test.store.removeSnapshot(id: "c")
        try test.store.removeSnapshot(id: "d")
        #expect(test.names("layers").count == 4 && test.names("tmp").isEmpty)
    }

    @Test(arguments: ["/dev/shm", NSTemporaryDirectory()])
    func keepsHoles(_ place: String) throws {
        let path = "\(place)/swiftlet-holes-\(UUID().uuidString)"
        let folder = try Directory(making: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let original = try folder.createFile("original")
        // Data at both ends of a hole, and a hole at the end.
        let size = 64 << 20
        #expect(pwrite(original.raw, "start", 5, 0) == 5)
        #expect(pwrite(original.raw, "middle", 6, 32 << 20) == 6)
        #expect(ftruncate(original.raw, size) == 0)
        let copy = try folder.createFile("copy")
        try copy.copyData(from: original)
        let status = try fileStatus(of: copy)
        #expect(status.size == size && status.blocks * 512 < 1 << 20)
        #expect(try folder.openFile("copy").readAll(limit: size) == folder.openFile("original").readAll(limit: size))
        let empty = try folder.createFile("empty")
        try folder.createFile("empty copy").copyData(from: empty)
        #expect(try folder.status("empty copy")?.size == 0)
    }

    /// As deep as a layer may go and wide at once, with two descriptors.
    @Test func copiesDeepAndWideLayers() throws {
        let test = try TestStore()
        try test.reopen(.copy)
        let bottom = "x" + String(repeating: "/y", count: 200)
        let deep: [TarWriter.Entry] = [.init(name: "deep", type: "5", pax: [("path", Array(bottom.utf8))])]
        let wide = (0..<3000).map { TarWriter.Entry.directory("wide/\($0)/") }
        let id = try test.load(try ArchiveBuilder(layers: [deep + wide, wide]).oci())[0].image.id
        guard case .directory(let path) = try test.store.prepareSnapshot(id: "c", image: id) else { return }
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(path)/wide").count == 3000)
        #expect(exists("\(path)/\(bottom)"))
    }

    @Test func choosesByTrying() throws {
        let test = try TestStore()
        #expect(test.store.snapshotter.kind == .overlay)
        try test.reopen(.overlay)
        #expect(test.store.snapshotter.kind == .overlay && test.store.snapshotter.form == .overlay)
        try test.reopen(.copy)
        let report = test.store.snapshotter
        #expect(report.kind == .copy && report.reason.contains("demanded"))
        #expect(report.mapsOwners.works, "\(report.mapsOwners.reason)")
        #expect(report.sharesData.works || report.sharesData.reason.contains("FICLONE"))
        #expect(test.names("tmp").isEmpty)
    }
}
