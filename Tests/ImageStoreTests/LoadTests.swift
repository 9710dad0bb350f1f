import Errors
import Foundation
import Glibc
import JSON
import LinuxSystem
import OCI
import Testing

@testable import ImageStore

@Suite(needsRoot)
struct LoadTests {
    static let layers: [[TarWriter.Entry]] = [
        [
            .directory("etc/"), .file("etc/name", "base"), .file("etc/gone", "x"), .directory("bin/"),
            .file("bin/a", "a"),
        ],
        [.directory("etc/"), .file("etc/name", "top"), .file("etc/.wh.gone")],
    ]

    @Test(arguments: ArchiveBuilder.Packing.allCases, [false, true])
    func loads(_ packing: ArchiveBuilder.Packing, docker: Bool) throws {
        let test = try TestStore()
        let builder = ArchiveBuilder(layers: Self.layers, packing: packing)
        let loaded = try test.load(try docker ? builder.docker() : builder.oci())
        let image = try #require(loaded.first).image
        #expect(try image.id == Digest.of(try builder.config()))
        #expect(image.repoTags == ["docker.io/test/app:1"])
        #expect(image.repoDigests.isEmpty == docker)
        #expect(image.layers.count == 2 && image.config.config.command == ["sh"])
        let store = test.store
        #expect(try store.readFile(inImage: image.id, path: "/etc/name") == Array("top".utf8))
        #expect(try store.readFile(inImage: image.id, path: "etc/gone") == nil)
        #expect(try store.readFile(inImage: image.id, path: "bin/a") == Array("a".utf8))
        #expect(try store.configDocument(of: image) == builder.config())
        #expect(test.names("tmp").isEmpty)
        #expect(try test.load(try docker ? builder.docker() : builder.oci()).first?.alreadyPresent == true)
        #expect(test.names("layers") == ["0", "1", "2"])
    }

    @Test(arguments: Digest.Algorithm.allCases, Digest.Algorithm.allCases)
    func takesBothAlgorithms(_ blobs: Digest.Algorithm, _ layers: Digest.Algorithm) throws {
        let test = try TestStore()
        // The second layer depends on the first.
        let entries = Self.layers + [[.hardLink("link", "bin/a")]]
        var builder = ArchiveBuilder(layers: entries, algorithm: blobs, diffAlgorithm: layers)
        let image = try test.load(try builder.oci())[0].image
        #expect(image.id.algorithm == blobs && image.config.diffIDs.allSatisfy { $0.algorithm == layers })
        #expect(try test.store.readFile(inImage: image.id, path: "link") == Array("a".utf8))
        #expect(try test.store.resolve(image.id.description).id == image.id)
        #expect(try test.load(try builder.oci())[0].alreadyPresent)
        let lie = try TestStore()
        let hex = try Digest.of(builder.tars[1], layers).hex
        builder.lyingConfig = Array(
            String(decoding: try builder.config(), as: UTF8.self)
                .replacingOccurrences(of: hex, with: String(hex.reversed())).utf8)
        let error = #expect(throws: SwiftletError.self) { try lie.load(try builder.oci()) }
        #expect(error?.code == .dataLoss && error?.message.contains("\(layers.rawValue):\(hex)") == true)
        lie.expectEmpty()
    }

    @Test func loadsFromAPipeAndCompressedWhole() throws {
        let builder = ArchiveBuilder(layers: Self.layers)
        #expect(try TestStore().loadPiped(try builder.oci()).count == 1)
        for packer in Packer.allCases {
            #expect(try TestStore().loadPiped(packer.pack(try builder.docker())).count == 1)
        }
    }

    @Test func takesBlobsInAnyOrder() throws {
        let entries = try ArchiveBuilder(layers: Self.layers).ociEntries()
        for turn in 0..<entries.count {
            let order = Array(entries[turn...] + entries[..<turn])
            #expect(try TestStore().load(TarWriter.archive(order)).count == 1)
            #expect(try TestStore().load(TarWriter.archive(order.reversed())).count == 1)
        }
    }

    @Test func sharesLayersBetweenImages() throws {
        let test = try TestStore()
        try test.load(try ArchiveBuilder(layers: [Self.layers[0]], name: "one").oci())
        try test.load(try ArchiveBuilder(layers: Self.layers, name: "two", packing: .zstd).docker())
        #expect(test.names("layers") == ["0", "1", "2"])
        #expect(test.store.images().count == 2)
        try test.store.remove("one")
        #expect(test.names("layers") == ["0", "1", "2"])
        let id = try test.store.resolve("two").id
        #expect(try test.store.remove(id.hex).deleted == [id])
        test.expectEmpty()
    }

    @Test func choosesThePlatform() throws {
        let other = Platform(os: "linux", architecture: "s390x")
        let mine = ArchiveBuilder(layers: [Self.layers[0]])
        let foreign = ArchiveBuilder(layers: [Self.layers[1]], platform: other)
        let attestation = try ArchiveBuilder.descriptor(
            try foreign.config(), name: nil, platform: Platform(os: "unknown", architecture: "unknown"))
        let inner = ArchiveBuilder.index([
            try ArchiveBuilder.descriptor(try foreign.manifest(), name: nil, platform: other), attestation,
            try ArchiveBuilder.descriptor(try mine.manifest(), name: nil, platform: .host),
        ])
        let outer = ArchiveBuilder.index([try ArchiveBuilder.descriptor(inner, name: "multi:1")])
        let blobs = try (mine.blobs() + foreign.blobs() + [inner]).map(ArchiveBuilder.blobEntry)
        let archive = TarWriter.archive(blobs + [TarWriter.Entry(name: "index.json", data: outer)])
        let test = try TestStore()
        #expect(try test.load(archive)[0].image.id == Digest.of(try mine.config()))
        #expect(test.names("layers") == ["0", "1"])
        #expect(try test.load(archive, LoadOptions(platform: .best(other)))[0].image.config.platform == other)
        // The name stands for both, and means the host's.
        #expect(try test.store.resolve("multi:1").config.platform == .host)
        #expect(test.store.images().count == 2)
        #expect(test.store.images().allSatisfy { $0.names.count == 1 })
    }

    @Test func refusesAnotherPlatform() throws {
        let test = try TestStore()
        let foreign = ArchiveBuilder(layers: [Self.layers[0]], platform: Platform(os: "linux", architecture: "s390x"))
        for archive in [try foreign.oci(), try foreign.docker()] {
            let error = #expect(throws: SwiftletError.self) { try test.load(archive) }
            #expect(error?.message.contains("linux/s390x") == true)
            test.expectEmpty()
        }
    }

    @Test func givesNames() throws {
        let test = try TestStore()
        let builder = ArchiveBuilder(layers: [Self.layers[0]])
        try test.load(try builder.oci())
        try test.load(try builder.oci(), LoadOptions(name: "other:2"))
        let image = try test.store.resolve("other:2")
        #expect(Set(image.repoTags) == ["docker.io/test/app:1", "docker.io/library/other:2"])
        #expect(try test.store.resolve(String(image.id.hex.prefix(12))).id == image.id)
        #expect(try test.store.resolve(image.id.description).id == image.id)
        #expect(try test.store.resolve(image.repoDigests[0]).id == image.id)
        #expect(try test.store.remove("other:2") == RemovedImages(untagged: ["docker.io/library/other:2"]))
        #expect(try test.store.remove("test/app:1").deleted == [image.id])
        #expect(throws: SwiftletError.self) { try test.store.resolve("test/app:1") }
        #expect(throws: SwiftletError.self) { try test.store.remove("test/app:1") }
        #expect(throws: SwiftletError.self) { try test.store.resolve("Not A Name") }
        test.expectEmpty()
    }

    @Test func loadsTwiceAtOnce() async throws {
        let test = try TestStore()
        let archive = try ArchiveBuilder(layers: Self.layers).oci()
        let paths = (0..<4).map { "\(test.scratch)/\($0).tar" }
        for path in paths { try Data(archive).write(to: URL(fileURLWithPath: path)) }
        let store = test.store
        let workers = try paths.map { path in
            try WorkerThread { () throws(SwiftletError) in try store.load(from: try openFile(path, O_RDONLY)).count }
        }
        for worker in workers { #expect(try worker.join() == 1) }
        #expect(test.names("layers") == ["0", "1", "2"])
        #expect(test.names("tmp").isEmpty)
    }

    @Test func keepsNothingWhenCancelled() throws {
        let test = try TestStore()
        let cancellation = LoadCancellation()
        cancellation.cancel()
        let path = "\(test.scratch)/a.tar"
        try Data(try ArchiveBuilder(layers: Self.layers).oci()).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: SwiftletError.self) {
            try test.store.load(from: try openFile(path, O_RDONLY), cancellation: cancellation)
        }
        #expect(error?.code == .cancelled)
        test.expectEmpty()
    }

    @Test func survivesReopeningAndRemovesGarbage() throws {
        let test = try TestStore()
        let id = try test.load(try ArchiveBuilder(layers: Self.layers).oci())[0].image.id
        #expect(throws: SwiftletError.self) {
            try ImageStore(directory: test.images, logger: quietLogger)
        }
        // What a crash may leave.
        for path in ["layers/99", "tmp/load-1", "snapshots/half"] {
            try FileManager.default.createDirectory(
                atPath: "\(test.images)/\(path)/sub", withIntermediateDirectories: true)
        }
        _ = FileManager.default.createFile(atPath: "\(test.images)/blobs/sha256/junk", contents: Data([1]))
        _ = FileManager.default.createFile(atPath: "\(test.images)/index.json.new", contents: Data([1]))
        let copy = "\(test.scratch)/copy"
        try run("cp", "-a", test.images, copy)
        let store = try ImageStore(directory: copy, logger: quietLogger)
        #expect(store.images().map(\.id) == [id])
        #expect(try store.readFile(inImage: id, path: "/bin/a") == Array("a".utf8))
        let names = { (path: String) in try FileManager.default.contentsOfDirectory(atPath: "\(copy)/\(path)").sorted()
        }
        #expect(try names("layers") == ["0", "1", "2"])
        #expect(try names("tmp").isEmpty && names("snapshots").isEmpty)
        #expect(try !names("blobs/sha256").contains("junk"))
    }
}
