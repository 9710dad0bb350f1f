import CLinux
import Errors
import Glibc

/// A directory taken as a root: paths are resolved inside it as after chroot(2), whatever symlinks and `..` they pass,
/// also while somebody changes the tree. For trees whose content is not trusted.
public struct RootDirectory: ~Copyable, Sendable {
    public let descriptor: OwnedDescriptor

    public init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// Opens `path`, absolute or relative to the root. Magic links of procfs are refused.
    public borrowing func open(_ path: String, _ flags: Int32, _ more: PathResolution = []) throws(SwiftletError)
        -> OwnedDescriptor
    {
        let relative = pathComponents(path).joined(separator: "/")
        do {
            return try LinuxSystem.open(
                at: descriptor.raw, relative.isEmpty ? "." : relative, flags, more.union([.inRoot, .noMagicLinks]))
        } catch {
            var named = error
            named.object = printable(path)
            throw named
        }
    }

    /// The directory `path` (O_PATH), made with its missing parents, each with `mode`. A dangling symlink on the way gets
    /// its target made. `noSymlinks` refuses any symlink on the way.
    public borrowing func makeDirectories(_ path: String, mode: UInt32 = 0o755, noSymlinks: Bool = false)
        throws(SwiftletError) -> OwnedDescriptor
    {
        do {
            return try open(path, openPathOnly | O_DIRECTORY, noSymlinks ? .noSymlinks : [])
        } catch {
            guard error.errno == ENOENT else { throw error }
        }
        var walk = Walk(pathComponents(path), at: try descriptor.duplicate())
        while let name = walk.pending.popLast() {
            if name == ".." {
                _ = walk.resolved.popLast()
                let above = walk.resolved.joined(separator: "/")
                let resolution: PathResolution = [.inRoot, .noSymlinks]
                walk.current = try LinuxSystem.open(
                    at: descriptor.raw, above.isEmpty ? "." : above, openPathOnly | O_DIRECTORY, resolution)
                continue
            }
            let next = try RootDirectory.openOrMake(walk.current.raw, name, mode)
            let info = try status(next.raw, name: path)
            if info.isDirectory {
                walk.current = next
                walk.resolved.append(name)
            } else if info.isSymlink, !noSymlinks {
                walk.links += 1
                guard walk.links <= 40 else { throw systemError(ELOOP, "make directory", path) }
                let target = try readLink(next.raw)
                if target.hasPrefix("/") {
                    walk.resolved = []
                    walk.current = try descriptor.duplicate()
                }
                walk.pending += pathComponents(target).reversed()
            } else {
                throw systemError(info.isSymlink ? ELOOP : ENOTDIR, "make directory", path)
            }
        }
        return walk.current.self
    }

    /// The file `path` (O_PATH); when missing, an empty regular file of mode 0644 is made, its parents with it.
    public borrowing func makeFile(_ path: String) throws(SwiftletError) -> OwnedDescriptor {
        var path = path
        for _ in 0..<40 {
            do { return try open(path, openPathOnly) } catch { guard error.errno == ENOENT else { throw error } }
            let (parentPath, name) = RootDirectory.split(path)
            let parent = try makeDirectories(parentPath)
            do {
                let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
                _ = try LinuxSystem.open(at: parent.raw, name, flags, mode: 0o644, .beneath)
                return try LinuxSystem.open(at: parent.raw, name, openPathOnly | O_NOFOLLOW, .beneath)
            } catch {
                guard error.errno == EEXIST else { throw error }
            }
            // A symlink to nothing: the file is made where it points.
            let link = try LinuxSystem.open(at: parent.raw, name, openPathOnly | O_NOFOLLOW, .beneath)
            let target = try readLink(link.raw)
            path = target.hasPrefix("/") ? target : "\(parentPath)/\(target)"
        }
        throw systemError(ELOOP, "make file", path)
    }

    /// Directory part and last component; an empty name for the root itself.
    public static func split(_ path: String) -> (parent: String, name: String) {
        var parts = pathComponents(path)
        let name = parts.popLast() ?? ""
        return ("/" + parts.joined(separator: "/"), name)
    }

    private struct Walk: ~Copyable {
        /// What is still to be walked, last first.
        var pending: [String]
        /// The directories passed, symlinks resolved.
        var resolved: [String] = []
        var current: OwnedDescriptor
        var links = 0

        init(_ components: [String], at start: consuming OwnedDescriptor) {
            pending = components.reversed()
            current = start
        }
    }

    private static func openOrMake(_ parent: Int32, _ name: String, _ mode: UInt32) throws(SwiftletError)
        -> OwnedDescriptor
    {
        do { return try LinuxSystem.open(at: parent, name, openPathOnly | O_NOFOLLOW, .beneath) } catch {
            guard error.errno == ENOENT else { throw error }
        }
        if mkdirat(parent, name, mode) < 0 {
            let error = swl_errno()
            if error != EEXIST { throw systemError(error, "mkdir", name) }
        }
        return try LinuxSystem.open(at: parent, name, openPathOnly | O_NOFOLLOW, .beneath)
    }
}

/// The components of a path, without empty ones and `.`.
public func pathComponents(_ path: String) -> [String] {
    path.split(separator: "/").filter { $0 != "." }.map(String.init)
}

/// The target of an open symlink (O_PATH and O_NOFOLLOW).
public func readLink(_ link: Int32) throws(SwiftletError) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = try check(readlinkat(link, "", &buffer, buffer.count), "readlink")
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
