import Errors
import KubeAPI
import LinuxSystem
import Testing

@testable import Volumes

private func configMap(_ name: String = "cfg") throws -> Volume {
    var volume = Volume(name: name)
    volume.configMap = try ConfigMapVolumeSource(["name": "x"])
    return volume
}

private func file(_ path: String, _ text: String, _ mode: UInt32 = 0o644) -> VolumeFile {
    VolumeFile(path: path, bytes: Array(text.utf8), mode: mode)
}

@Suite(.enabled(if: isRoot, "needs root: files get owners")) struct AtomicWriterTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private func show(_ files: [VolumeFile], group: Int64? = nil) async throws -> String {
        try #require(
            try await scratch.volumes.setUp(scratch.pod([configMap()], group: group), files: ["cfg": files])["cfg"])
    }

    private func link(_ path: String) throws -> String {
        let parts = RootDirectory.split(path)
        return try Directory(path: parts.parent).linkTarget(FileName(parts.name)).text
    }

    private func names(_ path: String) throws -> [String] { try Directory(path: path).names().map(\.text).sorted() }

    @Test func filesLieBehindLinks() async throws {
        let path = try await show([file("a", "1"), file("deep/b", "2", 0o400)])
        #expect(path.hasSuffix("/pods/u1/volumes/kubernetes.io~configmap/cfg"))
        #expect(try scratch.text(path + "/a") == "1" && scratch.text(path + "/deep/b") == "2")
        #expect(try link(path + "/a") == "..data/a" && link(path + "/deep") == "..data/deep")
        let shown = try link(path + "/..data")
        let date = try Regex("\\.\\.\\d{4}_\\d\\d_\\d\\d_\\d\\d_\\d\\d_\\d\\d\\.\\d+")
        #expect(try date.wholeMatch(in: shown) != nil)
        #expect(try names(path) == ["..data", shown, "a", "deep"].sorted())
        #expect(scratch.status("\(path)/\(shown)/a")?.mode == 0o644)
        #expect(scratch.status("\(path)/\(shown)/deep/b")?.mode == 0o400)
        #expect(scratch.status("\(path)/\(shown)")?.mode == 0o755 && scratch.status(path)?.mode == 0o777)
    }

    @Test func theSameAgainChangesNothing() async throws {
        let path = try await show([file("a", "1"), file("b/c", "")])
        let before = try link(path + "/..data")
        _ = try await show([file("b/c", ""), file("./a", "1")])
        #expect(try link(path + "/..data") == before)
    }

    static let changes: [[VolumeFile]] = [
        [file("a", "2"), file("b", "1")], [file("a", "1")], [file("a", "1"), file("b", "1"), file("c", "")],
        [file("a", "1", 0o600), file("b", "1")], [file("a", "11"), file("b", "1")], [file("a/b", "1")], [],
    ]

    @Test(arguments: changes) func aChangeIsShownAtOnce(_ files: [VolumeFile]) async throws {
        let path = try await show([file("a", "1"), file("b", "1")])
        let before = try link(path + "/..data")
        _ = try await show(files)
        let after = try link(path + "/..data")
        #expect(after != before)
        for file in files { #expect(try Array(scratch.text("\(path)/\(file.path)").utf8) == file.bytes) }
        let tops = Set(files.map { String($0.path.split(separator: "/")[0]) })
        #expect(try names(path) == (["..data", after] + tops).sorted())
    }

    @Test func whatAKilledWriterLeftGoes() async throws {
        let path = try await show([file("a", "1")])
        let directory = try Directory(path: path)
        try directory.makeDirectory("..2020_01_01_00_00_00.123")
        try directory.makeSymbolicLink("..data_tmp", to: "..2020_01_01_00_00_00.123")
        _ = try await show([file("a", "2")])
        #expect(try scratch.text(path + "/a") == "2")
        #expect(try names(path).count == 3)
        // The link itself was lost.
        try directory.removeFile("..data")
        _ = try await show([file("a", "2")])
        #expect(try scratch.text(path + "/a") == "2")
        #expect(try names(path).count == 3)
    }

    @Test(arguments: [
        "..", "../x", "a/../../x", "/x", "..data", "..x/y", "", ".", "a/" + String(repeating: "x", count: 256),
    ])
    func hostilePathsAreRefused(path: String) async throws {
        let error = await #expect(throws: SwiftletError.self) { try await show([file(path, "1")]) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.hasPrefix("MountVolume.SetUp failed for volume \"cfg\": ") == true)
    }

    @Test func theGroupMayRead() async throws {
        let path = try await show([file("a", "1", 0o400)], group: 77)
        let shown = try link(path + "/..data")
        let status = scratch.status("\(path)/\(shown)/a")
        #expect(status?.gid == 77 && status?.mode == 0o440)
    }

    @Test func secretsStayInMemory() async throws {
        var volume = Volume(name: "key")
        volume.secret = try SecretVolumeSource(["secretName": "x"])
        let pod = scratch.pod([volume])
        let path = try #require(try await scratch.volumes.setUp(pod, files: ["key": [file("k", "v")]])["key"])
        #expect(path.hasSuffix("/volumes/kubernetes.io~secret/key"))
        #expect(mountPoints(in: try scratch.text("/proc/self/mountinfo")).contains(path))
        #expect(try scratch.text(path + "/k") == "v")
        try await scratch.volumes.tearDown(pod.reference)
        #expect(scratch.status(path) == nil)
    }

    @Test func claimsOutliveTheirPods() async throws {
        var volume = Volume(name: "data")
        volume.persistentVolumeClaim = try PersistentVolumeClaimVolumeSource(["claimName": "c"])
        let pod = scratch.pod([volume])
        let path = try #require(try await scratch.volumes.setUp(pod, files: [:])["data"])
        #expect(path.hasSuffix("/claims/default/c") && scratch.status(path)?.mode == 0o777)
        try scratch.write(path + "/x", "kept")
        try await scratch.volumes.remove(pod.reference)
        #expect(try scratch.text(path + "/x") == "kept")
        _ = try await scratch.volumes.setUp(scratch.pod([volume], group: 77), files: [:])
        #expect(scratch.status(path)?.mode == 0o2777 && scratch.status(path)?.gid == 77)
        #expect(scratch.status(path + "/x")?.mode == 0o660 && scratch.status(path + "/x")?.gid == 77)
        for _ in 0..<2 { try await scratch.volumes.removeClaim(namespace: "default", name: "c") }
        #expect(scratch.status(path) == nil)
        for (namespace, name) in [("..", "pods"), ("default", ".."), ("a/b", "c")] {
            await #expect(throws: SwiftletError.self) {
                try await scratch.volumes.removeClaim(namespace: namespace, name: name)
            }
        }
    }
}
