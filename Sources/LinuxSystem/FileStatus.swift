import CLinux
import Glibc

/// What stat(2) says of a file.
public struct FileStatus: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        case regular, directory, symbolicLink, characterDevice, blockDevice, fifo, socket
    }

    public let kind: Kind
    /// Permission bits with setuid, setgid and sticky.
    public let mode: UInt32
    public let uid: UInt32
    public let gid: UInt32
    public let size: Int64
    /// 512-byte blocks.
    public let blocks: Int64
    public let device: UInt64
    public let inode: UInt64
    public let links: UInt64
    /// Of a device node.
    public let deviceNumber: UInt64
    public let modified: FileTime

    public init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            case S_IFCHR: .characterDevice
            case S_IFBLK: .blockDevice
            case S_IFIFO: .fifo
            case S_IFSOCK: .socket
            default: .regular
            }
        mode = status.st_mode & 0o7777
        uid = status.st_uid
        gid = status.st_gid
        size = Int64(status.st_size)
        blocks = Int64(status.st_blocks)
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        links = UInt64(status.st_nlink)
        deviceNumber = UInt64(status.st_rdev)
        modified = FileTime(seconds: Int64(status.st_mtim.tv_sec), nanoseconds: Int(status.st_mtim.tv_nsec))
    }

    /// overlayfs' sign that a name is deleted: a character device 0/0.
    public var isOverlayWhiteout: Bool { kind == .characterDevice && deviceNumber == 0 }
}

public struct FileTime: Sendable, Hashable {
    public var seconds: Int64
    public var nanoseconds: Int

    public init(seconds: Int64, nanoseconds: Int = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }
}
