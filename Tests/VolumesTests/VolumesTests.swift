import Errors
import Glibc
import JSON
import KubeAPI
import LinuxSystem
import Testing

@testable import Volumes

/// A directory of its own, removed at the end with what is mounted in it.
final class Scratch {
    let path: String
    let volumes: HostVolumes

    init() throws {
        var template = Array("/tmp/volumes-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw systemError(errno, "mkdtemp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        volumes = try HostVolumes(
            podsDirectory: path + "/pods", logDirectory: path + "/logs", claimsDirectory: path + "/claims")
    }

    deinit {
        try? volumes.unmountBelow("u1")
        try? Directory(path: "/tmp").removeTree(FileName(String(path.dropFirst("/tmp/".count))))
    }

    func pod(_ volumes: [Volume], group: Int64? = nil) -> Pod {
        var metadata = ObjectMeta(name: "web", namespace: "default")
        metadata.uid = "u1"
        var spec = PodSpec(containers: [Container(name: "app", image: "i")])
        spec.volumes = volumes
        if let group {
            var security = PodSecurityContext()
            security.fsGroup = group
            spec.securityContext = security
        }
        return Pod(metadata: metadata, spec: spec)
    }

    func status(_ path: String) -> FileStatus? {
        var info = stat()
        return lstat(path, &info) == 0 ? FileStatus(info) : nil
    }

    func write(_ path: String, _ text: String) throws {
        let file = OwnedDescriptor(
            owning: try check(Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600), "open", path))
        try writeAll(file.raw, text)
    }

    func text(_ path: String) throws -> String {
        let file = try openFile(path, O_RDONLY)
        return String(decoding: try readAll(file.raw), as: UTF8.self)
    }
}

let isRoot = geteuid() == 0

func emptyDir(_ name: String, medium: String? = nil, limit: Int64? = nil) -> Volume {
    var volume = Volume(name: name)
    volume.emptyDir = EmptyDirVolumeSource(medium: medium, sizeLimit: limit.map { Quantity(bytes: $0) })
    return volume
}

func hostPath(_ path: String, _ type: HostPathType?) -> Volume {
    var volume = Volume(name: "host")
    volume.hostPath = HostPathVolumeSource(path: path, type: type)
    return volume
}

@Suite(.enabled(if: isRoot, "needs root: volumes are owned by it and mounted")) struct EmptyDirTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    @Test func onDisk() async throws {
        let pod = scratch.pod([emptyDir("data")])
        let path = try #require(try await scratch.volumes.setUp(pod, files: [:])["data"])
        #expect(path.hasSuffix("/pods/u1/volumes/kubernetes.io~empty-dir/data"))
        #expect(scratch.status(path)?.mode == 0o777)
        try scratch.write(path + "/x", "kept")
        #expect(try await scratch.volumes.setUp(pod, files: [:])["data"] == path)
        #expect(try scratch.text(path + "/x") == "kept")
    }

    @Test func groupOwnsIt() async throws {
        let path = try #require(
            try await scratch.volumes.setUp(scratch.pod([emptyDir("data")], group: 77), files: [:])["data"])
        #expect(scratch.status(path)?.gid == 77)
        #expect(scratch.status(path)?.mode == 0o2777)
    }

    @Test func inMemoryWithASize() async throws {
        let pod = scratch.pod([emptyDir("fast", medium: "Memory", limit: 1 << 20)])
        let path = try #require(try await scratch.volumes.setUp(pod, files: [:])["fast"])
        _ = try await scratch.volumes.setUp(pod, files: [:])
        var info = statvfs()
        #expect(statvfs(path, &info) == 0)
        #expect(Int64(info.f_blocks) * Int64(info.f_frsize) == 1 << 20)
        let table = try scratch.text("/proc/self/mountinfo")
        #expect(mountPoints(in: table).filter { $0 == path }.count == 1)
        try scratch.write(path + "/x", "1")
        try await scratch.volumes.tearDown(pod.reference)
        #expect(scratch.status(path) == nil)
        #expect(!mountPoints(in: try scratch.text("/proc/self/mountinfo")).contains(path))
    }

    @Test func otherMediaAreRefused() async throws {
        await #expect(throws: SwiftletError.self) {
            try await scratch.volumes.setUp(scratch.pod([emptyDir("a", medium: "HugePages")]), files: [:])
        }
    }

    @Test func otherKindsNameTheVolume() async throws {
        let error = await #expect(throws: SwiftletError.self) {
            try await scratch.volumes.setUp(scratch.pod([Volume(name: "disk")]), files: [:])
        }
        #expect(
            error?.message
                == "MountVolume.SetUp failed for volume \"disk\": volumes of its kind are not mounted by this version")
    }
}

@Suite(.enabled(if: isRoot, "needs root: device nodes are made")) struct HostPathTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    /// What is there, under the name of its kind.
    private func furnish() throws {
        let directory = try Directory(path: scratch.path)
        try directory.makeDirectory("dir")
        try scratch.write(scratch.path + "/file", "x")
        try directory.makeNode("socket", .socket, mode: 0o600)
        try directory.makeNode(
            "char", .characterDevice, mode: 0o600, device: Directory.deviceNumber(major: 1, minor: 3))
        try directory.makeNode("block", .blockDevice, mode: 0o600, device: Directory.deviceNumber(major: 7, minor: 200))
        try directory.makeSymbolicLink("link", to: "dir")
    }

    static let fits: [HostPathType: Set<String>] = [
        .unchecked: ["dir", "file", "socket", "char", "block", "link", "none"], .directory: ["dir", "link"],
        .directoryOrCreate: ["dir", "link", "none"], .file: ["file"], .fileOrCreate: ["file", "none"],
        .socket: ["socket"], .charDevice: ["char"], .blockDevice: ["block"],
    ]

    @Test(arguments: HostPathType.allCases) func types(_ type: HostPathType) async throws {
        try furnish()
        for name in ["dir", "file", "socket", "char", "block", "link", "none"] {
            let path = "\(scratch.path)/\(name)"
            let fits = Self.fits[type]?.contains(name) == true
            do {
                let paths = try await scratch.volumes.setUp(scratch.pod([hostPath(path, type)]), files: [:])
                #expect(fits, "\(name) passed as \(type)")
                #expect(paths["host"] == path)
            } catch let error as SwiftletError {
                #expect(!fits, "\(name) as \(type): \(error)")
                #expect(error.message.contains("volume \"host\": hostPath type check failed: \(path) is not "))
            }
        }
    }

    @Test func makesWithTheRightModes() async throws {
        let directory = scratch.path + "/a/b"
        _ = try await scratch.volumes.setUp(scratch.pod([hostPath(directory, .directoryOrCreate)]), files: [:])
        #expect(scratch.status(directory)?.mode == 0o755)
        _ = try await scratch.volumes.setUp(scratch.pod([hostPath(directory + "/f", .fileOrCreate)]), files: [:])
        #expect(scratch.status(directory + "/f")?.mode == 0o644)
        await #expect(throws: SwiftletError.self) {
            try await scratch.volumes.setUp(scratch.pod([hostPath(directory + "/no/f", .fileOrCreate)]), files: [:])
        }
    }

    @Test(arguments: ["relative", "/a/../b"]) func badPaths(_ path: String) async throws {
        await #expect(throws: SwiftletError.self) {
            try await scratch.volumes.setUp(scratch.pod([hostPath(path, .unchecked)]), files: [:])
        }
    }
}

@Suite(.enabled(if: isRoot, "needs root: subPaths are mounted")) struct SubPathTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private func volume() async throws -> (Pod, String) {
        let pod = scratch.pod([emptyDir("data")], group: 77)
        return (pod, try #require(try await scratch.volumes.setUp(pod, files: [:])["data"]))
    }

    private func bind(_ path: String, _ pod: Pod, _ root: String) async throws -> String {
        try await scratch.volumes.subPath(
            path, volume: "data", hostPath: root, container: "app", index: 0, pod: pod.reference)
    }

    @Test func isMadeWithTheVolumesMode() async throws {
        let (pod, root) = try await volume()
        let path = try await bind("a/b", pod, root)
        #expect(path.hasSuffix("/volume-subpaths/data/app/0"))
        #expect(scratch.status(root + "/a")?.mode == 0o2777)
        #expect(scratch.status(root + "/a/b")?.gid == 77)
        try scratch.write(path + "/x", "here")
        #expect(try scratch.text(root + "/a/b/x") == "here")
    }

    @Test func aFile() async throws {
        let (pod, root) = try await volume()
        try scratch.write(root + "/f", "text")
        #expect(try scratch.text(try await bind("f", pod, root)) == "text")
    }

    /// A container that restarts gets it anew.
    @Test func again() async throws {
        let (pod, root) = try await volume()
        _ = try await bind("a", pod, root)
        let path = try await bind("b", pod, root)
        try scratch.write(root + "/b/x", "b")
        #expect(try scratch.text(path + "/x") == "b")
        #expect(mountPoints(in: try scratch.text("/proc/self/mountinfo")).filter { $0 == path }.count == 1)
    }

    @Test func symlinksStayInside() async throws {
        let (pod, root) = try await volume()
        try Directory(path: root).makeSymbolicLink("out", to: "/etc")
        try Directory(path: root).makeSymbolicLink("up", to: "../../../../..")
        for name in ["out/made", "up/made"] {
            let path = try await bind(name, pod, root)
            try scratch.write(path + "/x", "inside")
        }
        #expect(scratch.status("/etc/made") == nil)
        #expect(scratch.status(root + "/etc/made/x") != nil)
        #expect(scratch.status(root + "/made/x") != nil)
    }

    @Test(arguments: ["/abs", "a/../../b", ".."]) func leadingOut(_ path: String) async throws {
        let (pod, root) = try await volume()
        await #expect(throws: SwiftletError.self) { try await bind(path, pod, root) }
    }

    /// What is bound from the host is never deleted with the pod.
    @Test func removalStopsAtMounts() async throws {
        let (pod, _) = try await volume()
        try Directory(path: scratch.path).makeDirectory("precious")
        try scratch.write(scratch.path + "/precious/x", "x")
        _ = try await bind("", pod, scratch.path + "/precious")
        try Directory(path: scratch.path + "/pods/u1").makeSymbolicLink(
            "link", to: FileName(scratch.path + "/precious"))
        try await scratch.volumes.remove(pod.reference)
        #expect(try scratch.text(scratch.path + "/precious/x") == "x")
        #expect(try await scratch.volumes.podUIDs() == [])
        try await scratch.volumes.remove(pod.reference)
    }
}

@Suite(.enabled(if: isRoot, "needs root: files are owned by it")) struct OwnFilesTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    @Test func filesKeepTheirInode() async throws {
        let pod = PodReference(namespace: "default", name: "web", uid: "u1")
        let path = try await scratch.volumes.writeFile("etc-hosts", "a longer text", pod: pod)
        let inode = scratch.status(path)?.inode
        #expect(try await scratch.volumes.writeFile("etc-hosts", "short", pod: pod) == path)
        #expect(try scratch.text(path) == "short")
        // Larger than anybody would read.
        #expect(truncate(path, 3 << 20) == 0)
        #expect(try await scratch.volumes.writeFile("etc-hosts", "short", pod: pod) == path)
        #expect(try scratch.text(path) == "short")
        #expect(scratch.status(path)?.inode == inode)
        #expect(scratch.status(path)?.mode == 0o644)
    }

    @Test func lastWords() async throws {
        let pod = PodReference(namespace: "default", name: "web", uid: "u1")
        #expect(try await scratch.volumes.readTerminationLog(container: "app", attempt: 0, pod: pod) == "")
        let path = try await scratch.volumes.makeTerminationLog(container: "app", attempt: 0, pod: pod)
        try scratch.write(path, String(repeating: "x", count: 5000))
        let text = try await scratch.volumes.readTerminationLog(container: "app", attempt: 0, pod: pod)
        #expect(text.utf8.count == 4096)
    }

    @Test func lastWordsInTheLog() async throws {
        let pod = PodReference(namespace: "default", name: "web", uid: "u1")
        #expect(try await scratch.volumes.readLogEnd(container: "app", attempt: 0, pod: pod) == "")
        try await scratch.volumes.makeLogDirectory(container: "app", pod: pod)
        let stamp = "2026-11-21T06:15:00.000000000Z"
        let path = scratch.path + "/logs/default_web_u1/app/0.log"
        try scratch.write(path, "\(stamp) stdout P be\n\(stamp) stdout F gin\n\(stamp) stderr F end\nnonsense\n")
        #expect(try await scratch.volumes.readLogEnd(container: "app", attempt: 0, pod: pod) == "begin\nend\n")
        try scratch.write(path + ".20261121-061500", "\(stamp) stdout F before\n")
        try scratch.write(path + ".20261121-061400.gz", "packed")
        #expect(try await scratch.volumes.readLogEnd(container: "app", attempt: 0, pod: pod) == "before\nbegin\nend\n")
        let many = (0..<100).map { "\(stamp) stdout F \($0)\n" }.joined()
        try scratch.write(path, many)
        let lines = try await scratch.volumes.readLogEnd(container: "app", attempt: 0, pod: pod).split(separator: "\n")
        #expect(lines.first == "20" && lines.last == "99" && lines.count == 80)
        let wide = (0..<2000).map { "\(stamp) stdout F \($0) \(String(repeating: "x", count: 90))\n" }.joined()
        try scratch.write(path, wide)
        let text = try await scratch.volumes.readLogEnd(container: "app", attempt: 0, pod: pod)
        #expect(text.utf8.count == 2048)
        #expect(text.hasSuffix("x\n"))
    }

    @Test func logsGoWithThePod() async throws {
        let pod = PodReference(namespace: "default", name: "web", uid: "u1")
        try await scratch.volumes.makeLogDirectory(container: "app", pod: pod)
        #expect(scratch.status(scratch.path + "/logs/default_web_u1/app") != nil)
        #expect(try await scratch.volumes.podUIDs() == ["u1"])
        try await scratch.volumes.remove(PodReference(namespace: "", name: "", uid: "u1"))
        #expect(try await scratch.volumes.podUIDs() == [])
    }

    @Test(arguments: ["..", "a/b", ""]) func hostileNames(_ name: String) async throws {
        let pod = PodReference(namespace: "default", name: "web", uid: name)
        await #expect(throws: SwiftletError.self) { try await scratch.volumes.remove(pod) }
        await #expect(throws: SwiftletError.self) { try await scratch.volumes.writeFile("x", "", pod: pod) }
    }
}

@Suite struct MountTableTests {
    @Test func escapes() {
        let table = """
            22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
            90 22 0:50 / /a\\040b/c\\134d rw - tmpfs tmpfs rw
            """
        #expect(mountPoints(in: table) == ["/", "/a b/c\\d"])
    }
}

@Suite struct ManifestsFolderTests {
    @Test func readsAndFollows() async throws {
        let scratch = try Scratch()
        try Directory(path: scratch.path).makeDirectory("manifests")
        let folder = try HostManifests(directory: scratch.path + "/manifests")
        var changes = folder.changes().makeAsyncIterator()
        try scratch.write(scratch.path + "/manifests/b.yaml", "b")
        _ = await changes.next()
        try scratch.write(scratch.path + "/manifests/a.yaml", "a")
        try scratch.write(scratch.path + "/manifests/.hidden", "x")
        try Directory(path: scratch.path + "/manifests").makeNode("pipe", .fifo, mode: 0o600)
        let files = try await folder.read()
        #expect(files.map(\.name) == ["a.yaml", "b.yaml", "pipe"])
        #expect(try files[0].content.get() == Array("a".utf8))
        #expect(throws: SwiftletError.self) { try files[2].content.get() }
    }
}

@Suite(.enabled(if: isRoot, "needs root: mounts")) struct UserRangeFileTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    @Test func keptUntilThePodIsRemoved() async throws {
        let reference = scratch.pod([]).reference
        #expect(try await scratch.volumes.userRanges().isEmpty)
        try await scratch.volumes.keepUserRange("first", pod: reference)
        try await scratch.volumes.keepUserRange("second", pod: reference)
        let again = try HostVolumes(
            podsDirectory: scratch.path + "/pods", logDirectory: scratch.path + "/logs",
            claimsDirectory: scratch.path + "/claims")
        #expect(try await again.userRanges() == ["u1": "second"])
        try await again.tearDown(reference)
        #expect(try await again.userRanges() == ["u1": "second"])
        try await again.remove(reference)
        #expect(try await again.userRanges().isEmpty)
    }

    @Test func aVolumeThatCannotBeMappedIsNamed() async throws {
        var pod = scratch.pod([hostPath("/proc/tty", .directory)])
        #expect(try await scratch.volumes.setUp(pod, files: [:])["host"] == "/proc/tty")
        pod.spec.hostUsers = false
        let error = await #expect(throws: SwiftletError.self) { try await scratch.volumes.setUp(pod, files: [:]) }
        for part in ["\"host\"", "/proc/tty", "its file system, proc, cannot"] {
            #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
        }
        pod.spec.volumes = [hostPath("/no/such", .unchecked)]
        #expect(try await scratch.volumes.setUp(pod, files: [:])["host"] == "/no/such")
    }
}
