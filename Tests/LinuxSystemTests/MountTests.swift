import Errors
import Foundation
import Glibc
import Testing

@testable import LinuxSystem

private let needsRoot: ConditionTrait = .enabled(if: geteuid() == 0, "mounts: needs root")

@Suite(needsRoot)
struct MountTests {
    /// A folder that goes with the test.
    final class Scratch {
        let path = NSTemporaryDirectory() + "/swiftlet-mounts-\(UUID().uuidString)"
        init() throws { _ = try Directory(making: path) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        @discardableResult
        func folder(_ name: String) throws -> String {
            try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
            return "\(path)/\(name)"
        }

        func file(_ name: String, _ text: String = "") throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
        }
    }

    private static func names(_ mount: borrowing DetachedMount) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd/\(mount.descriptor.raw)/.").sorted()
    }

    @Test func overlaysByThemselves() throws {
        let scratch = try Scratch()
        for name in ["layers/1", "layers/2", "layers/a,b:c\\d", "upper", "work"] { try scratch.folder(name) }
        try scratch.file("layers/1/one")
        try scratch.file("layers/2/two")
        try scratch.file("layers/a,b:c\\d/odd")
        let before = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        let overlay = OverlayMount(
            folder: "\(scratch.path)/layers", lowers: ["2", "a,b:c\\d", "1"], upper: "\(scratch.path)/upper",
            work: "\(scratch.path)/work", isVolatile: true)
        let mount = try overlay.detached()
        #expect(try Self.names(mount) == ["odd", "one", "two"])
        let root = Directory(try mount.descriptor.duplicate())
        _ = try root.openDirectory(".").createFile("new")
        #expect(access("\(scratch.path)/upper/new", F_OK) == 0)
        let readOnly = try OverlayMount(folder: "\(scratch.path)/layers", lowers: ["2", "1"]).detached([.readOnly])
        #expect(try Self.names(readOnly) == ["one", "two"])
        let after = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        #expect(before == after)
    }

    /// Long names and many of them: past the page that mount(2) takes.
    @Test func overlaysMoreThanAPage() throws {
        let scratch = try Scratch()
        try scratch.folder("layers")
        var lowers: [String] = []
        for number in 0..<500 {
            let name = "a-rather-long-name-\(number)"
            try scratch.folder("layers/\(name)")
            try scratch.file("layers/\(name)/file-\(number)")
            lowers.append(name)
        }
        try scratch.folder("upper")
        try scratch.folder("work")
        let overlay = OverlayMount(
            folder: "\(scratch.path)/layers", lowers: lowers, upper: "\(scratch.path)/upper",
            work: "\(scratch.path)/work")
        #expect(overlay.options.utf8.count > 8192)
        do {
            let mount = try overlay.detached()
            #expect(try Self.names(mount).count == 500)
        } catch let error as SwiftletError {
            // Before Linux 6.7 it cannot be done, and that is said.
            #expect(error.code == .failedPrecondition && error.reason.contains("500 lower directories"), "\(error)")
            #expect(error.hint?.contains("6.7") == true)
        }
    }

    @Test func errorsOfOverlays() throws {
        let scratch = try Scratch()
        try scratch.folder("layers/1")
        let absent = OverlayMount(folder: "\(scratch.path)/layers", lowers: ["1", "absent"])
        #expect(throws: SwiftletError.self) { _ = try absent.detached() }
        let nowhere = OverlayMount(folder: "\(scratch.path)/nowhere", lowers: ["1", "2"])
        let error = #expect(throws: SwiftletError.self) { _ = try nowhere.detached() }
        #expect(error?.message.contains("nowhere") == true)
    }

    @Test func mapsOwners() throws {
        let scratch = try Scratch()
        try scratch.folder("tree")
        try scratch.file("tree/root")
        try scratch.file("tree/other")
        #expect(chown("\(scratch.path)/tree/other", 7, 8) == 0)
        let mapping = IDMapping(base: 200_000, count: 1000)
        #expect(mapping.outside(user: 999) == 200_999 && mapping.outside(group: 1000) == nil)
        let namespace = try makeUserNamespace(mapping)
        let tree = try openDirectory("\(scratch.path)/tree")
        let mount = try DetachedMount(cloning: tree.raw, recursive: false, name: "tree")
        try mount.mapOwners(by: namespace.raw)
        let seen = Directory(try mount.descriptor.duplicate())
        #expect(try seen.status("root")?.uid == 200_000)
        #expect(try seen.status("other")?.uid == 200_007 && seen.status("other")?.gid == 200_008)
        let twice = IDRange(inside: 0, outside: 1000, count: 10)
        let bad = IDMapping(users: [twice, twice], groups: [twice])
        let error = #expect(throws: SwiftletError.self) { try makeUserNamespace(bad).raw == 0 }
        #expect(error?.errno == EINVAL && error?.object == "uid_map")
    }

    @Test func namesFileSystems() throws {
        let proc = try openDirectory("/proc")
        #expect(try fileSystemType(of: proc.raw) == "proc")
        let table = "21 1 8:1 / / rw - ext4 /dev/a rw\n22 21 0:5 / /x rw shared:1 master:2 - tmpfs - rw\n23 21 - 1\n"
        #expect(fileSystemType(ofMount: "22", in: table) == "tmpfs")
        #expect(fileSystemType(ofMount: "2", in: table) == nil && fileSystemType(ofMount: "", in: "\n") == nil)
    }

    @Test func refusesToMapWhatCannotBe() throws {
        let namespace = try makeUserNamespace(IDMapping(base: 200_000))
        let proc = try openDirectory("/proc/tty")
        let error = #expect(throws: SwiftletError.self) {
            try DetachedMount(cloning: proc.raw, owners: namespace.raw, recursive: false, name: "/proc/tty")
                .descriptor.raw == 0
        }
        #expect(error?.message.contains("its file system, proc, cannot") == true)
        #expect(error?.object == "/proc/tty")
    }

    @Test func newNamespacesBelongToTheUserNamespace() throws {
        let seen = try DedicatedThread.wait("namespaces") { () throws(SwiftletError) -> [Bool] in
            let before = try networkNamespace()
            let owner = try makeUserNamespace(IDMapping(base: 200_000), entering: [.network, .uts])
            let own = try openFile("/proc/thread-self/ns/net", O_RDONLY)
            let found = OwnedDescriptor(owning: try check(ioctl(own.raw, 0xb701), "ioctl(NS_GET_USERNS)"))
            return [
                try status(found.raw).st_ino == status(owner.raw).st_ino, try networkNamespace() != before,
            ]
        }
        #expect(seen == [true, true])
    }
}

private func networkNamespace() throws(SwiftletError) -> UInt64 {
    let file = try openFile("/proc/thread-self/ns/net", O_RDONLY)
    return UInt64(try status(file.raw).st_ino)
}
