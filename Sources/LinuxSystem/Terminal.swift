import CLinux
import Errors
import Glibc

/// Both ends of a pseudo-terminal.
@frozen
public struct TerminalEnds: ~Copyable, Sendable {
    public var master: OwnedDescriptor
    public var slave: OwnedDescriptor
}

/// Pseudo-terminals of a devpts instance, by descriptor.
public enum Terminal {
    /// A new one from `devpts`/ptmx, where `devpts` is a directory that must be a devpts instance: the master and its
    /// slave, neither becoming the caller's controlling terminal.
    public static func open(devpts: Int32) throws(SwiftletError) -> TerminalEnds {
        guard swl_filesystem_magic(devpts) == swl_devpts_magic else {
            throw SwiftletError(.failedPrecondition, "/dev/pts is not devpts", operation: "open terminal")
        }
        let master = try LinuxSystem.open(
            at: devpts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW, [.beneath, .noSymlinks, .noCrossing])
        try check(swl_terminal_unlock(master.raw), "ioctl(TIOCSPTLCK)")
        let slave = try peer(of: master.raw)
        return TerminalEnds(master: master, slave: slave)
    }

    /// The other end, not becoming the caller's controlling terminal.
    public static func peer(of master: Int32) throws(SwiftletError) -> OwnedDescriptor {
        let slave = try check(swl_terminal_peer(master, O_RDWR | O_NOCTTY | O_CLOEXEC), "ioctl(TIOCGPTPEER)")
        return OwnedDescriptor(owning: slave)
    }

    /// The size in characters (TIOCSWINSZ); the foreground processes get SIGWINCH.
    public static func setSize(_ descriptor: Int32, columns: UInt16, rows: UInt16) throws(SwiftletError) {
        try check(swl_terminal_set_size(descriptor, columns, rows), "ioctl(TIOCSWINSZ)")
    }

    /// The size in characters (TIOCGWINSZ); fails with ENOTTY where there is no terminal.
    public static func size(of descriptor: Int32) throws(SwiftletError) -> (columns: UInt16, rows: UInt16) {
        var columns: UInt16 = 0
        var rows: UInt16 = 0
        try check(swl_terminal_size(descriptor, &columns, &rows), "ioctl(TIOCGWINSZ)")
        return (columns, rows)
    }

    /// Makes it the controlling terminal of the caller's session, which has none.
    public static func control(_ descriptor: Int32) throws(SwiftletError) {
        try check(swl_terminal_control(descriptor), "ioctl(TIOCSCTTY)")
    }
}
