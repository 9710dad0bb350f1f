import Errors
import Foundation
import Glibc
import LinuxSystem
import OCI
import Testing

@testable import ImageStore

@Suite(needsRoot)
struct VerifyTests {
    private static let layers: [[TarWriter.Entry]] = [
        [
            .directory("d/"), .file("d/f", "one"), .hardLink("d/g", "d/f"), .symlink("s", "d/f"),
            .init(name: "x", data: [1, 2, 3], pax: [("SCHILY.xattr.user.colour", Array("blue".utf8))]),
        ],
        [.file("e/deep/h", "two"), .file("d/.wh.f"), .hardLink("k", "d/g")],
    ]

    @Test func aSoundImageHasNoFaults() throws {
        let test = try TestStore()
        let image = try test.load(try ArchiveBuilder(layers: Self.layers).oci())[0].image
        #expect(try test.store.verify(image).faults == [])
        #expect(test.names("tmp").isEmpty)
    }

    /// What is done to the first layer's tree, and what must be said of it.
    static let changes: [(String, expected: String, @Sendable (String) throws -> Void)] = [
        ("content", "/d/f: has other content", { try Data("ONE".utf8).write(to: URL(fileURLWithPath: $0 + "/d/f")) }),
        ("size", "/x: has 0 bytes, not 3", { truncate($0 + "/x", 0) }),
        ("mode", "/d: has mode 700, not 755", { chmod($0 + "/d", 0o700) }),
        ("owner", "/x: belongs to 5:6, not 0:0", { chown($0 + "/x", 5, 6) }),
        ("missing", "/s: is missing", { unlink($0 + "/s") }),
        ("extra", "/new: is not in the layer", { mkdir($0 + "/new", 0o755) }),
        (
            "kind", "/s: is a directory, not a symbolicLink",
            {
                unlink($0 + "/s"); mkdir($0 + "/s", 0o755)
            }
        ),
        (
            "link", "/s: points elsewhere",
            {
                unlink($0 + "/s"); symlink("elsewhere", $0 + "/s")
            }
        ),
        (
            "attribute", "/x: has another extended attribute user.colour",
            { try Directory(path: $0).setExtendedAttribute("x", "user.colour", [1]) }
        ),
        ("time", "/x: was modified at", { utimes($0 + "/x", nil) }),
        (
            "hard link", "is not the same file as its hard links",
            {
                try FileManager.default.copyItem(atPath: $0 + "/d/g", toPath: $0 + "/c"); rename($0 + "/c", $0 + "/d/g")
            }
        ),
    ]

    @Test(arguments: changes.indices)
    func findsEveryChange(_ index: Int) throws {
        let test = try TestStore()
        let image = try test.load(try ArchiveBuilder(layers: [Self.layers[0]]).oci())[0].image
        try Self.changes[index].2(test.layer())
        let faults = try test.store.verify(image).faults
        #expect(faults.contains { $0.contains(Self.changes[index].expected) }, "\(faults)")
        #expect(faults.allSatisfy { $0.hasPrefix("layer \(image.layers[0].digest): ") })
    }

    @Test func findsDamagedAndMissingBlobs() throws {
        let test = try TestStore()
        let image = try test.load(try ArchiveBuilder(layers: Self.layers).oci())[0].image
        func path(_ digest: Digest) -> String { "\(test.images)/blobs/sha256/\(digest.hex)" }
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path(image.layers[0].digest))))
        bytes[20] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: path(image.layers[0].digest)))
        unlink(path(image.layers[1].digest))
        try Data("{}".utf8).write(to: URL(fileURLWithPath: path(image.id)))
        let faults = try test.store.verify(image).faults
        #expect(faults.count == 3)
        #expect(faults.contains("config \(image.id): is damaged"))
        #expect(faults.contains { $0.hasPrefix("layer \(image.layers[0].digest)") && $0.contains("damaged") })
        #expect(faults.contains { $0.hasPrefix("layer \(image.layers[1].digest)") && $0.contains("missing") })
        #expect(test.names("tmp").isEmpty)
    }
}
