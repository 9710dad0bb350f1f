import CLinux
import Errors
import Glibc

/// Owner, mode, times and extended attributes, by descriptor or by one name in a directory.
extension Directory {
    public func setOwner(_ name: FileName, uid: UInt32, gid: UInt32) throws(SwiftletError) {
        try check(swl_lchownat(raw, name.terminated, uid, gid), "chown", name.text)
    }

    /// Only for a name known not to be a symbolic link: chmod has no way not to follow one.
    public func setMode(_ name: FileName, _ mode: UInt32) throws(SwiftletError) {
        try check(swl_chmodat(raw, name.terminated, mode), "chmod", name.text)
    }

    /// Modification and access time.
    public func setTime(_ name: FileName, _ time: FileTime) throws(SwiftletError) {
        try check(swl_lutimesat(raw, name.terminated, time.seconds, time.nanoseconds), "utimensat", name.text)
    }

    /// Of any kind of file, the link itself included.
    public func setExtendedAttribute(
        _ name: FileName, _ attribute: FileName, _ value: [UInt8]
    ) throws(SwiftletError) {
        try check(
            swl_lsetxattr(procPath(name).terminated, attribute.terminated, value, value.count), "setxattr", name.text)
    }

    public func extendedAttributes(_ name: FileName) throws(SwiftletError) -> [(FileName, [UInt8])] {
        let path = procPath(name).terminated
        var list = [UInt8](repeating: 0, count: 65536)
        let length = swl_llistxattr(path, &list, list.count)
        if length < 0, swl_errno() == EOPNOTSUPP { return [] }
        try check(length, "listxattr", name.text)
        var attributes: [(FileName, [UInt8])] = []
        for part in list[..<length].split(separator: 0) {
            let attribute = FileName(part)
            var value = [UInt8](repeating: 0, count: 65536)
            let count = try check(swl_lgetxattr(path, attribute.terminated, &value, value.count), "getxattr", name.text)
            attributes.append((attribute, Array(value[..<count])))
        }
        return attributes
    }

    private func procPath(_ name: FileName) -> FileName { FileName(Array("/proc/self/fd/\(raw)/".utf8) + name.bytes) }
}

extension OwnedDescriptor {
    public borrowing func setOwner(uid: UInt32, gid: UInt32) throws(SwiftletError) {
        try check(fchown(raw, uid, gid), "fchown")
    }

    public borrowing func setMode(_ mode: UInt32) throws(SwiftletError) { try check(fchmod(raw, mode), "fchmod") }

    /// Modification and access time.
    public borrowing func setTime(_ time: FileTime) throws(SwiftletError) {
        try check(swl_futimes(raw, time.seconds, time.nanoseconds), "futimens")
    }

    public borrowing func setExtendedAttribute(_ attribute: FileName, _ value: [UInt8]) throws(SwiftletError) {
        try check(swl_fsetxattr(raw, attribute.terminated, value, value.count), "fsetxattr", attribute.text)
    }

    /// Absent is fine.
    public borrowing func removeExtendedAttribute(_ attribute: FileName) throws(SwiftletError) {
        if swl_fremovexattr(raw, attribute.terminated) == 0 || swl_errno() == ENODATA { return }
        throw systemError(swl_errno(), "fremovexattr", attribute.text)
    }

    /// nil when it is not set or the file system has none. Values over 4 KiB are an error.
    public borrowing func extendedAttribute(_ attribute: FileName) throws(SwiftletError) -> [UInt8]? {
        var value = [UInt8](repeating: 0, count: 4096)
        let count = swl_fgetxattr(raw, attribute.terminated, &value, value.count)
        if count < 0, swl_errno() == ENODATA || swl_errno() == EOPNOTSUPP { return nil }
        try check(count, "fgetxattr", attribute.text)
        return Array(value[..<count])
    }
}
