import Errors
import Foundation
import Glibc
import LinuxSystem
import OCI
import Testing

@testable import ImageStore

@Suite(needsRoot)
struct SaveTests {
    private static let layers: [[TarWriter.Entry]] = [
        [.directory("d/"), .file("d/f", "one"), .hardLink("d/g", "d/f"), .symlink("s", "d/f")],
        [.file("d/h", "two"), .file("d/.wh.f")],
    ]
    private static let foreign = Platform(os: "linux", architecture: "s390x")

    /// The names and bytes of a tar's files.
    private func files(_ archive: [UInt8]) throws -> [String: [UInt8]] {
        let tar = TarReader(MemorySource(archive), limits: ImageLimits())
        var files: [String: [UInt8]] = [:]
        while let entry = try tar.next() { files[entry.printableName] = try tar.readAll(limit: 1 << 30) }
        return files
    }

    private func save(_ test: TestStore, _ names: [String], _ options: SaveOptions = SaveOptions()) throws -> [UInt8] {
        let path = "\(test.scratch)/saved-\(UUID().uuidString).tar"
        try test.store.save(names, to: try newFile(path), options: options)
        return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    @Test(arguments: [SaveOptions.Format.oci, .docker])
    func comesBackByteForByte(_ format: SaveOptions.Format) throws {
        let test = try TestStore()
        for packing in ArchiveBuilder.Packing.allCases {
            var builder = ArchiveBuilder(layers: Self.layers, packing: packing)
            builder.command = ["\(packing)"]
            let image = try test.load(try builder.oci())[0].image
            let archive = try save(test, ["test/app:1"], SaveOptions(format: format))
            #expect(try save(test, ["test/app:1"], SaveOptions(format: format)) == archive)
            let files = try files(archive)
            for blob in try builder.blobs() {
                #expect(files["blobs/sha256/\(try Digest.of(blob).hex)"] == blob)
            }
            #expect((files["manifest.json"] != nil) == (format == .docker))
            let other = try TestStore()
            let loaded = try other.loadPiped(archive)[0].image
            #expect(loaded.id == image.id && loaded.manifestDigest == image.manifestDigest)
            #expect(loaded.repoTags == ["docker.io/test/app:1"])
        }
    }

    @Test func savesSeveralImagesAndSharesTheirBlobs() throws {
        let test = try TestStore()
        let ids = try [["a"], ["b"]].map { command in
            var builder = ArchiveBuilder(layers: Self.layers, name: "test/\(command[0]):1")
            builder.command = command
            return try test.load(try builder.oci())[0].image.id
        }
        let archive = try save(test, ["test/a:1", ids[1].description])
        #expect(try files(archive).keys.filter { $0.hasPrefix("blobs/") }.count == 2 + 2 + 2)
        let other = try TestStore()
        #expect(Set(try other.load(archive).map(\.image.id)) == Set(ids))
        #expect(try other.store.resolve("test/b:1").id == ids[1])
    }

    @Test func keepsThePlatformsOfOneName() throws {
        let test = try TestStore()
        let own = ArchiveBuilder(layers: [Self.layers[0]])
        let other = ArchiveBuilder(layers: [Self.layers[1]], platform: Self.foreign)
        try test.load(try own.oci())
        try test.load(try other.oci(), LoadOptions(platform: .best(Self.foreign)))
        let both = try save(test, ["test/app:1"], SaveOptions(platform: .all))
        let copy = try TestStore()
        #expect(try copy.load(both).map(\.image.config.platform) == [.host])
        #expect(
            Set(try copy.load(both, LoadOptions(platform: .all)).map(\.image.config.platform)) == [.host, Self.foreign])
        let one = try save(test, ["test/app:1"], SaveOptions(platform: .best(Self.foreign)))
        #expect(try files(one)["blobs/sha256/\(try Digest.of(try other.config()).hex)"] != nil)
        #expect(try files(one)["blobs/sha256/\(try Digest.of(try own.config()).hex)"] == nil)
        let neither = Platform(os: "linux", architecture: "riscv64")
        let error = #expect(throws: SwiftletError.self) {
            try save(test, ["test/app:1"], SaveOptions(platform: .best(neither)))
        }
        #expect(error?.message.contains("riscv64") == true)
    }

    @Test func aDamagedBlobIsNeverWrittenInSilence() throws {
        let test = try TestStore()
        let image = try test.load(try ArchiveBuilder(layers: Self.layers).oci())[0].image
        let path = "\(test.images)/blobs/sha256/\(image.layers[0].digest.hex)"
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        bytes[bytes.count / 2] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: SwiftletError.self) { try save(test, ["test/app:1"]) }
        #expect(error?.code == .dataLoss && error?.description.contains("damaged") == true)
        #expect(throws: SwiftletError.self) { try save(test, ["no/such:1"]) }
    }

    @Test func writesLongNamesAndWaitsForASlowReaderOnlyUntilCancelled() throws {
        let name = "blobs/sha512/" + String(repeating: "a", count: 128)
        let path = NSTemporaryDirectory() + "/swiftlet-tar-\(UUID().uuidString)"
        defer { unlink(path) }
        let file = try newFile(path)
        var writer = try ArchiveWriter(file.raw, cancellation: LoadCancellation())
        try writer.add(name, Array("content".utf8))
        try writer.finish()
        #expect(try files(Array(try Data(contentsOf: URL(fileURLWithPath: path)))) == [name: Array("content".utf8)])

        let pipe = try PipeEnds()
        let cancellation = LoadCancellation()
        Thread {
            usleep(20_000)
            cancellation.cancel()
        }.start()
        var piped = try ArchiveWriter(pipe.write.raw, cancellation: cancellation)
        let error = #expect(throws: SwiftletError.self) {
            try piped.add("large", [UInt8](repeating: 0, count: 1 << 20))
        }
        #expect(error?.code == .cancelled)
    }
}

@Suite(needsRoot)
struct NameTests {
    private func builder(_ command: String, _ name: String?) -> ArchiveBuilder {
        var builder = ArchiveBuilder(layers: [[.file("f", command)]], name: name)
        builder.command = [command]
        return builder
    }

    @Test func tagMovesANameFromOneImageToAnother() throws {
        let test = try TestStore()
        let one = try test.load(try builder("one", "test/one:1").oci())[0].image
        let two = try test.load(try builder("two", "test/two:1").oci())[0].image
        #expect(try test.store.tag("test/one:1", as: "moving").canonical == "docker.io/library/moving:latest")
        #expect(try test.store.resolve("moving").id == one.id)
        try test.store.tag(two.id.description, as: "moving:latest")
        #expect(try test.store.resolve("moving").id == two.id)
        #expect(try test.store.resolve("test/one:1").repoTags == ["docker.io/test/one:1"])
        try test.store.tag("moving", as: "moving")
        #expect(try test.store.resolve("moving").repoTags.filter { $0.hasSuffix("moving:latest") }.count == 1)
        for bad in ["", "UPPER", "a@\(one.id)", "a:b:c"] {
            #expect(throws: SwiftletError.self, "\(bad)") { try test.store.tag("moving", as: bad) }
        }
        #expect(throws: SwiftletError.self) { try test.store.tag("no/such", as: "x") }
        // It survives a restart.
        let index = Array(try Data(contentsOf: URL(fileURLWithPath: "\(test.images)/index.json")))
        #expect(try Catalog(index).images[two.id]?.names.contains("docker.io/library/moving:latest") == true)
    }

    @Test func pruneKeepsWhatIsNamedOrUsed() throws {
        let test = try TestStore()
        let dangling = try test.load(try builder("dangling", nil).oci())[0].image
        let used = try test.load(try builder("used", nil).oci())[0].image
        let named = try test.load(try builder("named", "test/named:1").oci())[0].image
        _ = try test.store.prepareSnapshot(id: "c1", image: used.id)
        let (removed, bytes) = try test.store.prune(named: false)
        #expect(removed.deleted == [dangling.id] && bytes > 0)
        #expect(Set(test.store.images().map(\.id)) == [used.id, named.id])
        #expect(try test.store.prune(named: true).removed.deleted == [named.id])
        try test.store.removeSnapshot(id: "c1")
        #expect(try test.store.prune(named: false).removed.deleted == [used.id])
        test.expectEmpty()
    }
}
