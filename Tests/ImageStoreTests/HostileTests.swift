import Errors
import Foundation
import JSON
import OCI
import Testing

@testable import ImageStore

/// Archives made to hurt, or hurt on the way: each is refused with words that name what is wrong, and leaves nothing.
@Suite(needsRoot)
struct HostileTests {
    static let badLayers: [(entries: [TarWriter.Entry], expected: String)] = [
        ([.file("../escape", "x")], "\"../escape\""), ([.file("a/../../escape", "x")], "climbs out"),
        ([.directory("..")], "climbs out"), ([.symlink("etc", "/tmp"), .file("etc/passwd", "x")], "symbolic link"),
        ([.symlink("a", "."), .file("a/b/c", "x")], "symbolic link"),
        ([.file("a"), .file("a/b")], "no directory"), ([.hardLink("a", "../../../etc/passwd")], "climbs out"),
        ([.hardLink("a", "/etc/shadow-no-such")], "hard link"), ([.hardLink("a", "")], "root directory"),
        ([.symlink("s", "/etc"), .hardLink("a", "s/passwd")], "symbolic link"),
        ([.directory("d/"), .hardLink("a", "d")], "hard link to a directory"), ([.file(".", "x")], "root"),
        ([.file(".wh."), .file("x")], "whiteout"), ([.file(".wh..")], "whiteout"), ([.file(".wh...")], "whiteout"),
        ([.directory(".wh.a/")], "whiteout"), ([.file(".wh.a/b")], "whiteout"), ([.hardLink("a", ".wh.b")], "whiteout"),
        ([.init(name: "w", type: "3", device: (0, 0))], "0/0"), ([.symlink("s", "")], "no target"),
        (
            [
                .file(String(repeating: "a", count: 99) + "/x"),
                .init(name: "n", pax: [("path", [UInt8](repeating: 0x61, count: 300))]),
            ], "255"
        ),
        ([.init(name: "n", pax: [("path", [UInt8](repeating: 0x61, count: 5000))])], "longer than 4095"),
        ([.init(name: "n", pax: [("path", Array(String(repeating: "a/", count: 600).utf8))])], "directories deep"),
        ([.init(name: "n", type: "S")], "tar type"),
        ([.init(name: "n", pax: [("GNU.sparse.major", [0x31])])], "sparse"),
        ([.init(name: "n", type: "Z")], "tar type"),
        ([.init(name: "n", pax: [("size", Array("99999999999999999999".utf8))])], "size"),
        ([.init(name: "n", pax: [("uid", Array("4294967295".utf8))])], "owner"),
        ([.init(name: "n", pax: [("uid", Array("-1".utf8))])], "uid"),
        ([.init(name: "n", pax: [("mtime", Array("1e9".utf8))])], "mtime"),
        ([.init(name: "n", pax: [("path", [0x61, 0])])], "NUL"),
        ([.init(name: "n", data: [1], size: 100_000)], "truncated"),
    ]

    @Test(arguments: badLayers.indices)
    func refusesLayer(_ index: Int) throws {
        let (entries, expected) = Self.badLayers[index]
        let test = try TestStore()
        let good: [TarWriter.Entry] = [.directory("d/"), .file("d/f")]
        for builder in [ArchiveBuilder(layers: [entries]), ArchiveBuilder(layers: [good, entries], packing: .plain)] {
            let error = #expect(throws: SwiftletError.self, "\(entries)") { try test.load(try builder.oci()) }
            #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
            test.expectEmpty()
        }
        #expect(!exists("\(test.scratch)/escape") && !exists("\(test.images)/escape"))
    }

    @Test(arguments: [true, false])
    func refusesTruncationAnywhere(docker: Bool) throws {
        let test = try TestStore()
        let builder = ArchiveBuilder(layers: [[.directory("d/"), .file("d/f", String(repeating: "x", count: 3000))]])
        let archive = try docker ? builder.docker() : builder.oci()
        // The last blocks are the trailer, which some writers leave out.
        for length in stride(from: 0, to: archive.count - 1024, by: 256) {
            #expect(throws: SwiftletError.self, "\(length)") { try test.load(Array(archive[..<length])) }
            test.expectEmpty()
        }
        let whole = gzip(archive)
        for length in [0, 5, whole.count / 2, whole.count - 1] {
            #expect(throws: SwiftletError.self) { try test.load(Array(whole[..<length])) }
        }
        test.expectEmpty()
        #expect(try test.load(Array(archive[..<(archive.count - 1024)])).count == 1)
    }

    @Test func refusesChangedBytes() throws {
        let test = try TestStore()
        let builder = ArchiveBuilder(layers: [[.file("f", "content")]], packing: .plain)
        let entries = try builder.ociEntries()
        for index in entries.indices {
            var bad = entries
            // The documents are JSON: a space more keeps them so, and only the digest tells.
            bad[index].data += Array(" ".utf8)
            guard bad[index].name.hasPrefix("blobs/") else { continue }
            let error = #expect(throws: SwiftletError.self) { try test.load(TarWriter.archive(bad)) }
            #expect(error?.code == .dataLoss)
            #expect(error?.message.contains(bad[index].name) == true, "\(error?.message ?? "")")
            test.expectEmpty()
        }
        for missing in entries.indices where entries[missing].name != "oci-layout" {
            var bad = entries
            bad.remove(at: missing)
            #expect(throws: SwiftletError.self) { try test.load(TarWriter.archive(bad)) }
            test.expectEmpty()
        }
    }

    /// A config whose diffID is not the layer's, and descriptors that lie about sizes.
    @Test func refusesLies() throws {
        let test = try TestStore()
        let builder = ArchiveBuilder(layers: [[.file("f", "content")]])
        let config = try builder.config()
        let blob = builder.blob(builder.tars[0])
        func archive(config: [UInt8], size: Int64, configSize: Int64? = nil, layers: Int = 1) throws -> [UInt8] {
            let layer = Descriptor(mediaType: MediaType.ociLayerGzip, digest: try Digest.of(blob), size: size)
            let manifest = ImageManifest(
                config: Descriptor(
                    mediaType: MediaType.ociConfig, digest: try Digest.of(config),
                    size: configSize ?? Int64(config.count)), layers: Array(repeating: layer, count: layers)
            ).json.serialized()
            let index = ArchiveBuilder.index([try ArchiveBuilder.descriptor(manifest, name: "a")])
            return TarWriter.archive(
                try [blob, config, manifest].map(ArchiveBuilder.blobEntry)
                    + [TarWriter.Entry(name: "index.json", data: index)])
        }
        let lie = String(decoding: config, as: UTF8.self).replacingOccurrences(
            of: try Digest.of(builder.tars[0]).hex, with: String(repeating: "0", count: 64))
        let size = Int64(blob.count)
        for bad in [
            try archive(config: Array(lie.utf8), size: size), try archive(config: config, size: size + 1),
            try archive(config: config, size: size, configSize: 3), try archive(config: config, size: size, layers: 2),
            try archive(config: Array("{".utf8), size: size), try archive(config: Array("[]".utf8), size: size),
        ] {
            #expect(throws: SwiftletError.self) { try test.load(bad) }
            test.expectEmpty()
        }
        #expect(try test.load(try archive(config: config, size: size)).count == 1)
    }

    @Test func refusesBadArchives() throws {
        let test = try TestStore()
        let deep = Array((String(repeating: "[", count: 5000)).utf8)
        let archives: [[UInt8]] = [
            [], [1, 2, 3], [UInt8](repeating: 0, count: 10240),
            Array("not a tar".utf8) + [UInt8](repeating: 7, count: 2000),
            TarWriter.archive([]), TarWriter.archive([.file("x", "y")]),
            TarWriter.archive([.init(name: "index.json", data: deep)]),
            TarWriter.archive([.file("index.json", #"{"manifests":[]}"#)]),
            TarWriter.archive([.file("index.json", "{}"), .file("index.json", "{}")]),
            TarWriter.archive([.file("../index.json", "{}")]),
            TarWriter.archive([.file("manifest.json", #"[{"Config":"../../etc/passwd","Layers":[]}]"#)]),
            TarWriter.archive([.file("manifest.json", "[]")]),
            TarWriter.archive([.symlink("a", "../../x"), .file("manifest.json", "[]")]),
            TarWriter.archive([
                .symlink("c.json", "d.json"), .symlink("d.json", "c.json"),
                .file("manifest.json", #"[{"Config":"c.json","Layers":[]}]"#),
            ]),
            try ArchiveBuilder(layers: [[.file("a")]], name: "Bad Name!/").oci(),
            try ArchiveBuilder(layers: [[.file("a")]], name: "\u{1b}[2J:x").docker(),
            [0x42, 0x5a, 0x68, 0x39], [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], [0x1f, 0x8b], [0x28, 0xb5, 0x2f, 0xfd],
        ]
        for (index, archive) in archives.enumerated() {
            let error = #expect(throws: SwiftletError.self, "\(index)") { try test.load(archive) }
            #expect(error?.description.contains("\u{1b}") != true)
            test.expectEmpty()
        }
    }

    @Test func refusesNestedIndexWithoutEnd() throws {
        let test = try TestStore()
        var inner = try ArchiveBuilder(layers: [[.file("a")]]).manifest()
        var blobs: [[UInt8]] = [inner]
        for _ in 0..<12 {
            inner = ArchiveBuilder.index([try ArchiveBuilder.descriptor(inner, name: nil)])
            blobs.append(inner)
        }
        let archive = TarWriter.archive(
            try blobs.map(ArchiveBuilder.blobEntry) + [TarWriter.Entry(name: "index.json", data: inner)])
        let error = #expect(throws: SwiftletError.self) { try test.load(archive) }
        #expect(error?.message.contains("nested") == true)
        test.expectEmpty()
    }

    /// Many documents, each within its limit, or one that is named many times.
    @Test func boundsDocumentsTogether() throws {
        var limits = ImageLimits()
        limits.documentBytes = 4000
        let test = try TestStore(limits: limits)
        let builder = ArchiveBuilder(layers: [[.file("a")]])
        let manifest = try builder.manifest()
        func archive(_ count: Int) throws -> [UInt8] {
            // Spaces at the end make each another document.
            let manifests = (0..<count).map { manifest + [UInt8](repeating: 0x20, count: $0) }
            var indexes: [[UInt8]] = []
            for start in stride(from: 0, to: count, by: 10) {
                let some = manifests[start..<min(start + 10, count)]
                indexes.append(ArchiveBuilder.index(try some.map { try ArchiveBuilder.descriptor($0, name: nil) }))
            }
            let outer = ArchiveBuilder.index(try indexes.map { try ArchiveBuilder.descriptor($0, name: nil) })
            let blobs = try builder.blobs() + manifests + indexes
            return TarWriter.archive(
                try blobs.map { try ArchiveBuilder.blobEntry($0) } + [TarWriter.Entry(name: "index.json", data: outer)])
        }
        let error = #expect(throws: SwiftletError.self) { try test.load(try archive(200)) }
        #expect(error?.code == .resourceExhausted && error?.message.contains("together") == true)
        test.expectEmpty()
        #expect(try test.load(try archive(20)).count == 1)
    }

    /// Entries whose names alone would fill the memory.
    @Test func boundsNamesOfTheArchive() throws {
        let test = try TestStore()
        // One name longer than any path may be, and many that are not.
        for (length, count) in [(1_000_000, 1), (4000, 8500)] {
            let name = [UInt8](repeating: 0x61, count: length)
            var archive: [UInt8] = []
            for index in 0..<count {
                TarWriter.append(.init(name: "f", pax: [("path", name + Array("\(index)".utf8))]), to: &archive)
            }
            let error = #expect(throws: SwiftletError.self) { try test.load(archive) }
            #expect(error?.code == .resourceExhausted && error?.message.contains("name") == true)
            #expect((error?.message.utf8.count ?? 0) < 1000)
            test.expectEmpty()
        }
    }

    @Test func keepsLimits() throws {
        var limits = ImageLimits()
        limits.layerEntries = 10
        limits.layerBytes = 100_000
        limits.archiveEntries = 20
        limits.documentBytes = 10_000
        limits.headerBytes = 2000
        let test = try TestStore(limits: limits)
        let big = String(repeating: "x", count: 200_000)
        let cases: [[UInt8]] = [
            try ArchiveBuilder(layers: [(0..<11).map { .file("f\($0)") }]).oci(),
            try ArchiveBuilder(layers: [[.file("big", big)]]).oci(),
            TarWriter.archive((0..<30).map { .file("f\($0)") }),
            TarWriter.archive([.file("index.json", big)]),
            try ArchiveBuilder(layers: [[.init(name: "n", pax: [("comment", Array(big.utf8))])]]).oci(),
        ]
        for (index, archive) in cases.enumerated() {
            let error = #expect(throws: SwiftletError.self, "\(index)") { try test.load(archive) }
            #expect(error?.code == .resourceExhausted, "\(error?.description ?? "")")
            test.expectEmpty()
        }
    }

    /// As a layer, and as the archive itself.
    @Test(arguments: Packer.allCases)
    func refusesABomb(_ packer: Packer) throws {
        var limits = ImageLimits()
        limits.compressionRatio = 100
        limits.ratioGrace = 1 << 20
        let test = try TestStore(limits: limits)
        let zeros = TarWriter.Entry(name: "zeros", data: [UInt8](repeating: 0, count: 4 << 20))
        let layer = try ArchiveBuilder(layers: [[zeros]], packing: .init(packer)).oci()
        for archive in [layer, packer.pack(TarWriter.archive([zeros]))] {
            let error = #expect(throws: SwiftletError.self) { try test.load(archive) }
            #expect(error?.code == .resourceExhausted && error?.message.contains("bomb") == true)
            test.expectEmpty()
        }
    }
}
