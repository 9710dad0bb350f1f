import CLinux
import Errors
import Glibc

/// A file descriptor with exactly one owner, closed when the owner goes. Every call in this room that makes one makes it
/// close-on-exec.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number, for calls that borrow it. Never close it.
    public let raw: Int32

    /// Takes over `raw`, which nobody else may close from now on.
    public init(owning raw: Int32) {
        self.raw = raw
    }

    deinit {
        // close(2) frees the number even when it reports an error; there is nobody left to tell.
        _ = close(raw)
    }

    /// Gives the number up without closing it: whoever called is the owner now.
    public consuming func release() -> Int32 {
        let raw = self.raw
        discard self
        return raw
    }

    /// Another descriptor of the same open file.
    public borrowing func duplicate() throws(SwiftletError) -> OwnedDescriptor {
        OwnedDescriptor(owning: try check(swl_fcntl(raw, F_DUPFD_CLOEXEC, 0), "fcntl(F_DUPFD_CLOEXEC)"))
    }

    /// Whether exec passes it on. Only for a descriptor that a child is meant to have.
    public borrowing func setInherited(_ inherited: Bool) throws(SwiftletError) {
        try check(swl_fcntl(raw, F_SETFD, inherited ? 0 : Int(FD_CLOEXEC)), "fcntl(F_SETFD)")
    }
}

/// Another descriptor of the same open file, close-on-exec, of a number that somebody else owns.
public func duplicateDescriptor(_ raw: Int32) throws(SwiftletError) -> OwnedDescriptor {
    OwnedDescriptor(owning: try check(swl_fcntl(raw, F_DUPFD_CLOEXEC, 0), "fcntl(F_DUPFD_CLOEXEC)"))
}

/// Makes `number` mean what `source` means, whatever it meant before. For a process about to exec.
public func placeDescriptor(_ source: Int32, at number: Int32, inherited: Bool) throws(SwiftletError) {
    guard source != number else {
        try check(swl_fcntl(number, F_SETFD, inherited ? 0 : Int(FD_CLOEXEC)), "fcntl(F_SETFD)")
        return
    }
    try check(swl_dup3(source, number, inherited ? 0 : O_CLOEXEC), "dup3")
}

/// Closes every descriptor from `first` up. For a process about to exec: whoever owns one must not close it again.
public func closeDescriptors(from first: UInt32) throws(SwiftletError) {
    try check(swl_close_range(first, .max, 0), "close_range")
}
