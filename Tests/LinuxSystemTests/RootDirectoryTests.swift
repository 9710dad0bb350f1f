import Errors
import Glibc
import LinuxSystem
import Testing

/// Paths in a tree that somebody else wrote: whatever they pass, they stay inside.
struct RootDirectoryTests {
    static let links = [
        "absolute": "/etc", "up": "../../../../../../../../etc", "loop": "loop", "dangling": "/made/by/us", "self": ".",
        "twice": "absolute",
    ]

    @Test(arguments: ["absolute", "up", "twice", "../../../../etc", "self/absolute", "a/../../../etc", "//etc//./"])
    func opensInside(path: String) throws {
        let scratch = try Scratch(RootDirectoryTests.links, directories: ["etc", "a"], files: ["etc/inside"])
        let root = RootDirectory(try openDirectory(scratch.path))
        let found = try root.open("\(path)/inside", openPathOnly)
        #expect(try status(found.raw).st_mode & S_IFMT == S_IFREG)
    }

    @Test(arguments: [
        ("x/y/z", "x/y/z"), ("dangling/more", "made/by/us/more"), ("up/new", "etc/new"), ("../../x", "x"),
        ("a/../b/c", "b/c"),
        ("self/self/q", "q"), ("missing/../other", "other"),
    ])
    func makesInside(path: String, at: String) throws {
        let scratch = try Scratch(RootDirectoryTests.links, directories: ["etc", "a"])
        let root = RootDirectory(try openDirectory(scratch.path))
        let made = try root.makeDirectories(path)
        #expect(try status(made.raw).st_mode & S_IFMT == S_IFDIR)
        #expect(access("\(scratch.path)/\(at)", F_OK) == 0)
        let file = try root.makeFile("\(path)/file")
        #expect(try status(file.raw).st_mode & S_IFMT == S_IFREG)
        #expect(access("\(scratch.path)/\(at)/file", F_OK) == 0)
    }

    @Test(arguments: [("loop/x", ELOOP), ("file/x", ENOTDIR)])
    func refuses(path: String, number: Int32) throws {
        let scratch = try Scratch(RootDirectoryTests.links, files: ["file"])
        let root = RootDirectory(try openDirectory(scratch.path))
        let error = #expect(throws: SwiftletError.self) { _ = try root.makeDirectories(path) }
        #expect(error?.errno == number)
        let strict = #expect(throws: SwiftletError.self) {
            _ = try root.makeDirectories("absolute/x", noSymlinks: true)
        }
        #expect(strict?.errno == ELOOP)
    }

    @Test func removesTreesWithoutFollowing() throws {
        let outside = try Scratch([:], files: ["kept"])
        let scratch = try Scratch(["out": outside.path], directories: ["d", "d/e"], files: ["d/e/f", "d/g"])
        let parent = try openDirectory(scratch.path)
        try check(symlink(outside.path, "\(scratch.path)/d/e/out"), "symlink")
        for name in ["d", "out", "absent"] { try removeTree(at: parent.raw, name) }
        let left = try openFile(scratch.path, O_RDONLY | O_DIRECTORY)
        #expect(try directoryEntries(left.raw) == [])
        #expect(access("\(outside.path)/kept", F_OK) == 0)
    }
}

/// A directory for one test, removed with it.
final class Scratch {
    let path: String

    init(_ links: [String: String], directories: [String] = [], files: [String] = []) throws {
        path = "/tmp/swiftlet-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try check(mkdir(path, 0o755), "mkdir", path)
        for name in directories { try check(mkdir("\(path)/\(name)", 0o755), "mkdir", name) }
        for name in files {
            _ = OwnedDescriptor(
                owning: try check(open("\(path)/\(name)", O_CREAT | O_WRONLY | O_CLOEXEC, 0o644), "open", name))
        }
        for (name, target) in links { try check(symlink(target, "\(path)/\(name)"), "symlink", name) }
    }

    deinit {
        guard let parent = try? openDirectory("/tmp") else { return }
        try? removeTree(at: parent.raw, String(path.dropFirst(5)))
    }
}
