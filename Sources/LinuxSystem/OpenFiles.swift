import CLinux
import Errors
import Glibc

/// O_PATH: the descriptor names a place and cannot read.
public var openPathOnly: Int32 { swl_o_path }

/// A directory's descriptor (O_PATH), symlinks followed.
public func openDirectory(_ path: String) throws(SwiftletError) -> OwnedDescriptor {
    OwnedDescriptor(owning: try check(swl_open(path, openPathOnly | O_DIRECTORY | O_CLOEXEC), "open directory", path))
}

/// open(2), close-on-exec.
public func openFile(_ path: String, _ flags: Int32) throws(SwiftletError) -> OwnedDescriptor {
    OwnedDescriptor(owning: try retrying("open", path) { swl_open(path, flags | O_CLOEXEC) })
}

/// How openat2(2) resolves a path.
public struct PathResolution: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// `/` and `..` and absolute symlinks mean the starting directory, as after chroot(2).
    public static let inRoot = PathResolution(rawValue: UInt64(RESOLVE_IN_ROOT))
    /// Nothing outside the starting directory may be passed.
    public static let beneath = PathResolution(rawValue: UInt64(RESOLVE_BENEATH))
    public static let noSymlinks = PathResolution(rawValue: UInt64(RESOLVE_NO_SYMLINKS))
    public static let noMagicLinks = PathResolution(rawValue: UInt64(RESOLVE_NO_MAGICLINKS))
    public static let noCrossing = PathResolution(rawValue: UInt64(RESOLVE_NO_XDEV))
}

/// openat2(2), close-on-exec. EAGAIN (a rename raced with the look-up) is tried again.
public func open(
    at directory: Int32, _ path: String, _ flags: Int32, mode: UInt32 = 0, _ resolution: PathResolution
) throws(SwiftletError) -> OwnedDescriptor {
    var attempts = 0
    while true {
        let flags = UInt64(UInt32(bitPattern: flags | O_CLOEXEC))
        let result = swl_openat2(directory, path, flags, UInt64(mode), resolution.rawValue)
        if result >= 0 { return OwnedDescriptor(owning: result) }
        let error = swl_errno()
        if error == EINTR { continue }
        attempts += 1
        if error == EAGAIN, attempts < 128 { continue }
        throw systemError(error, "open", path)
    }
}

/// All of a small file; more than `limit` bytes is an error.
public func readAll(_ descriptor: Int32, limit: Int = 1 << 20, name: String = "") throws(SwiftletError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = try retrying("read", name) { read(descriptor, &chunk, chunk.count) }
        if count == 0 { return bytes }
        guard bytes.count + count <= limit else {
            throw SwiftletError(.resourceExhausted, "larger than \(limit) bytes", operation: "read", object: name)
        }
        bytes.append(contentsOf: chunk[..<count])
    }
}

/// write(2) until all is written.
public func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, name: String = "") throws(SwiftletError) {
    var done = 0
    while done < bytes.count {
        done += try retrying("write", name) {
            write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
        }
    }
}

/// As above, of a string.
public func writeAll(_ descriptor: Int32, _ text: String, name: String = "") throws(SwiftletError) {
    let bytes = Array(text.utf8)
    let failure: SwiftletError? = bytes.withUnsafeBytes { bytes in
        do throws(SwiftletError) { try writeAll(descriptor, bytes, name: name) } catch { return error }
        return nil
    }
    if let failure { throw failure }
}

/// The status of an open file.
public func status(_ descriptor: Int32, name: String = "") throws(SwiftletError) -> stat {
    var info = stat()
    try check(fstat(descriptor, &info), "fstat", name)
    return info
}

extension stat {
    public var isDirectory: Bool { st_mode & S_IFMT == S_IFDIR }
    public var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }
    public var isSymlink: Bool { st_mode & S_IFMT == S_IFLNK }
    public var isCharacterDevice: Bool { st_mode & S_IFMT == S_IFCHR }
    public var isBlockDevice: Bool { st_mode & S_IFMT == S_IFBLK }
    public var isPipe: Bool { st_mode & S_IFMT == S_IFIFO }
    public var isSocket: Bool { st_mode & S_IFMT == S_IFSOCK }
}

/// A device's number as the kernel's interfaces take it (makedev(3)).
public func makeDeviceNumber(major: UInt32, minor: UInt32) -> UInt64 { swl_makedev(major, minor) }
