import Errors
import Foundation
import Glibc
import LinuxSystem
import OCI
import Testing

@testable import ImageStore

/// OCI layouts that lie in folders.
@Suite(needsRoot)
struct FolderTests {
    private static let layers: [[TarWriter.Entry]] = [[.file("f", "one")], [.file("g", "two")]]

    private func folder(_ test: TestStore, _ entries: [TarWriter.Entry]) throws -> String {
        let path = "\(test.scratch)/layout-\(UUID().uuidString)"
        for entry in entries {
            let file = URL(fileURLWithPath: "\(path)/\(entry.name)")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(entry.data).write(to: file)
        }
        return path
    }

    private func load(_ test: TestStore, _ path: String, _ options: LoadOptions = LoadOptions()) throws -> [LoadedImage]
    {
        try test.store.load(from: try openFile(path, O_RDONLY | O_DIRECTORY), options: options)
    }

    @Test(arguments: ArchiveBuilder.Packing.allCases)
    func loadsLikeTheArchive(_ packing: ArchiveBuilder.Packing) throws {
        let test = try TestStore()
        let builder = ArchiveBuilder(layers: Self.layers, packing: packing)
        let path = try folder(test, try builder.ociEntries())
        let image = try load(test, path)[0].image
        #expect(image.id == (try Digest.of(try builder.config())) && image.repoTags == ["docker.io/test/app:1"])
        #expect(try test.store.readFile(inImage: image.id, path: "/g") == Array("two".utf8))
        #expect(try load(test, path)[0].alreadyPresent)
        #expect(test.names("tmp").isEmpty)
    }

    @Test func takesOnlyWhatItsImagesNeed() throws {
        let test = try TestStore()
        let other = Platform(os: "linux", architecture: "s390x")
        let mine = ArchiveBuilder(layers: [Self.layers[0]])
        let foreign = ArchiveBuilder(layers: [Self.layers[1]], platform: other)
        let index = ArchiveBuilder.index([
            try ArchiveBuilder.descriptor(try foreign.manifest(), name: "multi:1", platform: other),
            try ArchiveBuilder.descriptor(try mine.manifest(), name: "multi:1", platform: .host),
        ])
        let left = Array("a left-over that nothing names".utf8)
        let entries = try (mine.blobs() + foreign.blobs() + [left]).map(ArchiveBuilder.blobEntry)
        let path = try folder(test, entries + [TarWriter.Entry(name: "index.json", data: index)])
        #expect(try load(test, path).map(\.image.config.platform) == [.host])
        #expect(test.names("layers") == ["0", "1"])
        #expect(try load(test, path, LoadOptions(platform: .all)).count == 2)
        #expect(!test.names("blobs/sha256").contains(try Digest.of(left).hex))
    }

    @Test func refusesWhatIsNoLayout() throws {
        let test = try TestStore()
        let builder = ArchiveBuilder(layers: Self.layers)
        let empty = try folder(test, [.file("readme", "x")])
        let error = #expect(throws: SwiftletError.self) { try load(test, empty) }
        #expect(error?.message.contains("index.json") == true)
        let config = try Digest.of(try builder.config()).hex
        let layer = try Digest.of(builder.blob(builder.tars[0])).hex
        for (hex, change) in [
            (config, { (path: String) in try Data("{}".utf8).write(to: URL(fileURLWithPath: path)) }),
            (layer, { path in try Data("{}".utf8).write(to: URL(fileURLWithPath: path)) }),
            (layer, { path in unlink(path) }), (config, { path in unlink(path) }),
            (
                layer,
                { path in
                    rename(path, path + "x"); symlink(path + "x", path)
                }
            ),
            (
                layer,
                { path in
                    unlink(path); mkfifo(path, 0o600)
                }
            ),
            (
                config,
                { path in
                    unlink(path); mkdir(path, 0o700)
                }
            ),
        ] as [(String, (String) throws -> Void)] {
            let path = try folder(test, try builder.ociEntries())
            try change("\(path)/blobs/sha256/\(hex)")
            let error = #expect(throws: SwiftletError.self) { try load(test, path) }
            #expect(error?.description.contains(hex) == true, "\(error?.description ?? "")")
            test.expectEmpty()
        }
    }
}
