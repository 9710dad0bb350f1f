import Foundation
import Glibc
import OCI
import Testing

@testable import ImageStore

/// Archives as other tools write them, and trees as they unpack them.
@Suite(needsRoot)
struct ToolTests {
    static let hasTools = isInstalled("skopeo") && isInstalled("umoci")

    @Test(.enabled(if: hasTools, "skopeo and umoci are not installed"), arguments: ["oci-archive", "docker-archive"])
    func loadsWhatSkopeoWrites(_ format: String) throws {
        let test = try TestStore()
        let layers: [[TarWriter.Entry]] = [
            [
                .directory("etc/"), .file("etc/one", "1"), .directory("gone/"), .file("gone/x"),
                .symlink("s", "etc/one"),
            ],
            [
                .file(".wh.gone"), .directory("etc/"), .file("etc/two", "2", mode: 0o4755),
                .hardLink("etc/three", "etc/two"),
            ],
        ]
        let builder = ArchiveBuilder(layers: layers, name: "source:1")
        let source = "\(test.scratch)/source.tar"
        let target = "\(test.scratch)/target.tar"
        try Data(try builder.oci()).write(to: URL(fileURLWithPath: source))
        try run(
            "skopeo", "--insecure-policy", "--override-os", "linux", "copy", "-q", "oci-archive:\(source):source:1",
            "\(format):\(target):example.com/team/app:2")
        let image = try test.load([UInt8](try Data(contentsOf: URL(fileURLWithPath: target))))[0].image
        #expect(image.repoTags == ["example.com/team/app:2"])
        try run(
            "skopeo", "--insecure-policy", "copy", "-q", "oci-archive:\(source):source:1",
            "oci:\(test.scratch)/layout:1")
        try run("umoci", "unpack", "--image", "\(test.scratch)/layout:1", "\(test.scratch)/bundle")
        try withMounted(try test.store.prepareSnapshot(id: "s", image: image.id), test) { root in
            let theirs = "\(test.scratch)/bundle/rootfs"
            let names = try FileManager.default.subpathsOfDirectory(atPath: theirs).sorted()
            #expect(try FileManager.default.subpathsOfDirectory(atPath: root).sorted() == names)
            for name in names {
                let (ours, other) = (try fileStat("\(root)/\(name)"), try fileStat("\(theirs)/\(name)"))
                #expect(ours.st_mode == other.st_mode && ours.st_uid == other.st_uid, "\(name)")
                #expect(ours.st_mtim.tv_sec == other.st_mtim.tv_sec, "\(name)")
                // Overlay shows one link for every directory.
                if ours.st_mode & S_IFMT != S_IFDIR { #expect(ours.st_nlink == other.st_nlink, "\(name)") }
            }
        }
    }
}
