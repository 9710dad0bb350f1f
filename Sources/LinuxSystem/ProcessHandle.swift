import CLinux
import Errors
import Glibc

/// How a process ended: the code a shell would show.
public struct ProcessExit: Sendable, Equatable {
    /// 0…255; 128 + n after signal n.
    public let code: Int32
    /// The signal that ended it; 0 for none.
    public let signal: Int32

    public init(code: Int32, signal: Int32) {
        self.code = code
        self.signal = signal
    }
}

/// A process known by its pidfd: the number may be used again, the descriptor never means another process.
public struct ProcessHandle: ~Copyable, Sendable {
    public let pid: Int32
    /// Readable (poll, epoll) once the process has ended.
    public let descriptor: OwnedDescriptor

    public init(pid: Int32, descriptor: consuming OwnedDescriptor) {
        self.pid = pid
        self.descriptor = descriptor
    }

    /// pidfd_open(2). The caller must know that `pid` still is the process meant.
    public init(opening pid: Int32) throws(SwiftletError) {
        self.pid = pid
        descriptor = OwnedDescriptor(owning: try check(swl_pidfd_open(pid), "pidfd_open", String(pid)))
    }

    /// The process of a pidfd that came from somebody else: its number here, as /proc/self/fdinfo tells.
    public init(adopting descriptor: consuming OwnedDescriptor) throws(SwiftletError) {
        let file = try openFile("/proc/self/fdinfo/\(descriptor.raw)", O_RDONLY)
        let text = String(decoding: try readAll(file.raw, name: "fdinfo"), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix("Pid:") }
        // -1: it has been reaped; 0: it is none of this PID namespace.
        guard let pid = (line?.dropFirst(4).filter { !$0.isWhitespace }).flatMap({ Int32($0) }), pid > 0 else {
            throw .notFound("process of a descriptor", "")
        }
        self.pid = pid
        self.descriptor = descriptor
    }

    /// pidfd_send_signal(2); `.notFound` when it has ended.
    public borrowing func signal(_ number: Int32) throws(SwiftletError) {
        try check(swl_pidfd_send_signal(descriptor.raw, number), "pidfd_send_signal", "process \(pid)")
    }

    /// Waits until it has ended, any process, without reaping it; false when the time ran out first. nil waits for ever.
    public borrowing func wait(timeoutMilliseconds: Int32? = nil) throws(SwiftletError) -> Bool {
        try waitReadable(descriptor.raw, timeoutMilliseconds: timeoutMilliseconds)
    }

    /// Reaps an own child that has ended (waitid(2), P_PIDFD); nil while it runs.
    public borrowing func reap() throws(SwiftletError) -> ProcessExit? {
        var code: Int32 = 0
        var status: Int32 = 0
        let result = try retrying("waitid", "process \(pid)") {
            swl_wait_pidfd(descriptor.raw, swl_wnohang, &code, &status)
        }
        guard result > 0 else { return nil }
        return code == swl_cld_exited
            ? ProcessExit(code: status, signal: 0) : ProcessExit(code: 128 + status, signal: status)
    }
}

/// poll(2) for input on one descriptor; false when the time ran out. nil waits for ever.
public func waitReadable(_ descriptor: Int32, timeoutMilliseconds: Int32?) throws(SwiftletError) -> Bool {
    let deadline = timeoutMilliseconds.map { monotonicNanoseconds() + Int64($0) * 1_000_000 }
    while true {
        var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        var left: Int32 = -1
        if let deadline { left = Int32(max(0, (deadline - monotonicNanoseconds() + 999_999) / 1_000_000)) }
        let result = poll(&item, 1, left)
        if result > 0 { return true }
        if result == 0 { return false }
        let error = swl_errno()
        if error != EINTR { throw systemError(error, "poll") }
    }
}
