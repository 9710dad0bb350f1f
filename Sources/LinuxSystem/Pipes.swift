import CLinux
import Errors
import Glibc

/// The two ends of a pipe, close-on-exec.
@frozen
public struct PipeEnds: ~Copyable, Sendable {
    public var read: OwnedDescriptor
    public var write: OwnedDescriptor

    public init() throws(SwiftletError) {
        var ends: [Int32] = [-1, -1]
        try check(swl_pipe2(&ends, O_CLOEXEC), "pipe2")
        read = OwnedDescriptor(owning: ends[0])
        write = OwnedDescriptor(owning: ends[1])
    }
}

/// Sets or clears O_NONBLOCK, a property of the open file that every duplicate shares.
public func setNonBlocking(_ descriptor: Int32, _ enabled: Bool = true) throws(SwiftletError) {
    let flags = try check(swl_fcntl(descriptor, F_GETFL, 0), "fcntl(F_GETFL)")
    let wanted = enabled ? flags | O_NONBLOCK : flags & ~O_NONBLOCK
    if wanted != flags { try check(swl_fcntl(descriptor, F_SETFL, Int(wanted)), "fcntl(F_SETFL)") }
}

/// How many bytes a read would give at once (FIONREAD).
public func bytesReadable(_ descriptor: Int32) throws(SwiftletError) -> Int {
    var count: Int32 = 0
    try check(swl_bytes_readable(descriptor, &count), "ioctl(FIONREAD)")
    return Int(count)
}
