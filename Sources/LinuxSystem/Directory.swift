import CLinux
import Errors
import Glibc

/// An open directory. Every call takes one name in it and never follows a symbolic link, so nothing outside the tree can
/// be reached; each throws the kernel's error with the name.
public final class Directory: Sendable {
    public let descriptor: OwnedDescriptor

    public init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// Opens a path of our own: its links are followed.
    public convenience init(path: String) throws(SwiftletError) {
        self.init(OwnedDescriptor(owning: try check(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", path)))
    }

    /// Opens a path of our own after making it, parents too, for root alone.
    public convenience init(making path: String, mode: UInt32 = 0o700) throws(SwiftletError) {
        var prefix = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            prefix += "/\(part)"
            if mkdir(prefix, mode) < 0, swl_errno() != EEXIST { throw systemError(swl_errno(), "mkdir", prefix) }
        }
        try self.init(path: path)
    }

    var raw: Int32 { descriptor.raw }

    // MARK: Opening

    public func openDirectory(_ name: FileName) throws(SwiftletError) -> Directory {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        return Directory(
            OwnedDescriptor(owning: try check(swl_openat(raw, name.terminated, flags, 0), "open", name.text)))
    }

    /// As `openDirectory`; nil when the name is absent.
    public func openDirectoryIfPresent(_ name: FileName) throws(SwiftletError) -> Directory? {
        do { return try openDirectory(name) } catch  where error.errno == ENOENT { return nil }
    }

    /// Opens a directory some levels below; no component may be a link or leave this tree.
    public func openDirectory(below path: FileName) throws(SwiftletError) -> Directory {
        let resolve = UInt64(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)
        let flags = UInt64(O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        return Directory(
            OwnedDescriptor(
                owning: try check(swl_openat2_bytes(raw, path.terminated, flags, resolve), "openat2", path.text)))
    }

    /// For reading. A fifo does not block it; ask `status` of the descriptor what it is.
    public func openFile(_ name: FileName) throws(SwiftletError) -> OwnedDescriptor {
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        return OwnedDescriptor(owning: try check(swl_openat(raw, name.terminated, flags, 0), "open", name.text))
    }

    /// A new file for reading and writing: an existing name is `alreadyExists`.
    public func createFile(_ name: FileName, mode: UInt32 = 0o600) throws(SwiftletError) -> OwnedDescriptor {
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        return OwnedDescriptor(owning: try check(swl_openat(raw, name.terminated, flags, mode), "create", name.text))
    }

    // MARK: Making

    public func makeDirectory(_ name: FileName, mode: UInt32 = 0o700) throws(SwiftletError) {
        try check(swl_mkdirat(raw, name.terminated, mode), "mkdir", name.text)
    }

    public func makeSymbolicLink(_ name: FileName, to target: FileName) throws(SwiftletError) {
        try check(swl_symlinkat(target.terminated, raw, name.terminated), "symlink", name.text)
    }

    /// Another name for the file `target` of `directory`; for a symbolic link itself, if it is one.
    public func makeHardLink(
        _ name: FileName, to target: FileName, in directory: Directory
    ) throws(SwiftletError) {
        try check(swl_linkat(directory.raw, target.terminated, raw, name.terminated), "link", name.text)
    }

    /// A device node, fifo or socket. `device` is from `deviceNumber`.
    public func makeNode(
        _ name: FileName, _ kind: FileStatus.Kind, mode: UInt32, device: UInt64 = 0
    ) throws(SwiftletError) {
        let type: mode_t =
            switch kind {
            case .characterDevice: S_IFCHR
            case .blockDevice: S_IFBLK
            case .fifo: S_IFIFO
            case .socket: S_IFSOCK
            case .regular, .directory, .symbolicLink: S_IFREG
            }
        try check(swl_mknodat(raw, name.terminated, type | mode, device), "mknod", name.text)
    }

    public static func deviceNumber(major: UInt32, minor: UInt32) -> UInt64 { swl_makedev(major, minor) }

    // MARK: Removing and renaming

    public func removeFile(_ name: FileName) throws(SwiftletError) {
        try check(swl_unlinkat(raw, name.terminated, 0), "unlink", name.text)
    }

    public func rename(
        _ name: FileName, to newName: FileName, in directory: Directory
    ) throws(SwiftletError) {
        try check(swl_renameat(raw, name.terminated, directory.raw, newName.terminated), "rename", name.text)
    }

    /// Removes a name and all below it; absent is fine. Stays on this file system's names: links are removed, never
    /// followed.
    public func removeTree(_ name: FileName) throws(SwiftletError) {
        if swl_unlinkat(raw, name.terminated, 0) == 0 { return }
        let number = swl_errno()
        if number == ENOENT { return }
        guard number == EISDIR || number == EPERM else { throw systemError(number, "unlink", name.text) }
        do {
            try openDirectory(name).removeContents()
        } catch  where error.errno == ENOENT {
            return
        }
        if swl_unlinkat(raw, name.terminated, swl_at_removedir) < 0, swl_errno() != ENOENT {
            throw systemError(swl_errno(), "rmdir", name.text)
        }
    }

    /// Removes all below, however deep: a directory 32 levels down is first moved up here, so that descriptors in use
    /// stay few.
    public func removeContents() throws(SwiftletError) {
        var moved = 0
        while true {
            let names = try names()
            if names.isEmpty { return }
            try removeEntries(names, top: self, depth: 0, moved: &moved)
        }
    }

    private func removeEntries(
        _ names: [FileName], top: Directory, depth: Int, moved: inout Int
    ) throws(SwiftletError) {
        for name in names {
            if swl_unlinkat(raw, name.terminated, 0) == 0 || swl_errno() == ENOENT { continue }
            let number = swl_errno()
            guard number == EISDIR || number == EPERM else { throw systemError(number, "unlink", name.text) }
            if depth == 32 {
                // Whoever made the tree may have used such names.
                repeat { moved += 1 } while try top.status(FileName(".moved-up-\(moved)")) != nil
                try rename(name, to: FileName(".moved-up-\(moved)"), in: top)
                continue
            }
            let child = try openDirectory(name)
            try child.removeEntries(try child.names(), top: top, depth: depth + 1, moved: &moved)
            try check(swl_unlinkat(raw, name.terminated, swl_at_removedir), "rmdir", name.text)
        }
    }

    // MARK: Looking

    /// nil when the name is absent.
    public func status(_ name: FileName) throws(SwiftletError) -> FileStatus? {
        var status = stat()
        if swl_fstatat(raw, name.terminated, &status) == 0 { return FileStatus(status) }
        let number = swl_errno()
        if number == ENOENT { return nil }
        throw systemError(number, "stat", name.text)
    }

    public func ownStatus() throws(SwiftletError) -> FileStatus { try fileStatus(of: descriptor) }

    public func linkTarget(_ name: FileName) throws(SwiftletError) -> FileName {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = try check(swl_readlinkat(raw, name.terminated, &buffer, buffer.count), "readlink", name.text)
        return FileName(buffer[..<count])
    }

    /// All names but `.` and `..`, in the directory's own order.
    public func names() throws(SwiftletError) -> [FileName] {
        var names: [FileName] = []
        var stream = try DirectoryStream(self)
        while let name = try stream.next() { names.append(name) }
        return names
    }
}

public func fileStatus(of descriptor: borrowing OwnedDescriptor) throws(SwiftletError) -> FileStatus {
    var status = stat()
    try check(fstat(descriptor.raw, &status), "fstat")
    return FileStatus(status)
}

/// `path` from the root down; a relative one is taken from the working directory. Nothing is resolved.
public func absolutePath(_ path: String) throws(SwiftletError) -> String {
    if path.hasPrefix("/") { return path }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    guard let current = getcwd(&buffer, buffer.count) else { throw systemError(swl_errno(), "getcwd") }
    return "\(String(cString: current))/\(path)"
}
