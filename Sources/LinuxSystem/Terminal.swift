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
        let slave = try check(swl_terminal_peer(master.raw, O_RDWR | O_NOCTTY | O_CLOEXEC), "ioctl(TIOCGPTPEER)")
        return TerminalEnds(master: master, slave: OwnedDescriptor(owning: slave))
    }

    /// The size in characters (TIOCSWINSZ); the foreground processes get SIGWINCH.
    public static func setSize(_ descriptor: Int32, columns: UInt16, rows: UInt16) throws(SwiftletError) {
        try check(swl_terminal_set_size(descriptor, columns, rows), "ioctl(TIOCSWINSZ)")
    }

    /// Makes it the controlling terminal of the caller's session, which has none.
    public static func control(_ descriptor: Int32) throws(SwiftletError) {
        try check(swl_terminal_control(descriptor), "ioctl(TIOCSCTTY)")
    }
}
