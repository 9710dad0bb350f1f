import Errors
import Glibc
import Launch
import LinuxSystem

/// A container's log file, or none. What cannot be written (a full disk) is kept and tried again, and nothing more is
/// read from the container until it is gone.
final class ContainerLog {
    private static let retryMilliseconds = 250

    private let path: String?
    private let loop: EventLoop
    private var file: SharedDescriptor?
    private var batch = LogBatch()
    private var retrying = false
    private var complained = false
    /// Called when a log that was stalled has taken everything.
    var onResume: () -> Void = {}

    init(path: String?, _ loop: EventLoop) throws(SwiftletError) {
        self.path = path
        self.loop = loop
        if let path { file = try ContainerLog.open(path) }
    }

    var isStalled: Bool { !batch.isEmpty }

    func write(_ bytes: UnsafeRawBufferPointer, _ encoder: inout LogEncoder) {
        guard path != nil else { return }
        encoder.encode(bytes, time: LogTime(wallClockNanoseconds()), into: &batch)
        flush()
    }

    /// The unterminated last line.
    func finish(_ encoder: inout LogEncoder) {
        guard path != nil, encoder.hasPartialLine else { return }
        encoder.finish(time: LogTime(wallClockNanoseconds()), into: &batch)
        flush()
    }

    /// Continues in a file of the same path, made anew when it was moved away.
    func reopen() throws(SwiftletError) {
        guard let path else { return }
        let next = try ContainerLog.open(path)
        // What waits belongs into the old file; if that still refuses, it opens the new one.
        flush()
        file = next
        flush()
    }

    private func flush() {
        guard !batch.isEmpty else { return }
        while let file, !batch.isEmpty {
            let count = batch.withBytes { Glibc.write(file.raw, $0.baseAddress, $0.count) }
            if count >= 0 {
                batch.consumed(count)
            } else {
                let error = lastError()
                if error == EINTR { continue }
                return stall(error)
            }
        }
        complained = false
    }

    private func stall(_ error: Int32) {
        if !complained, let path { complain(systemError(error, "write log", path).description) }
        complained = true
        guard !retrying else { return }
        retrying = true
        loop.after(milliseconds: ContainerLog.retryMilliseconds) { [weak self] in
            guard let self else { return }
            retrying = false
            flush()
            if !isStalled { onResume() }
        }
    }

    private static func open(_ path: String) throws(SwiftletError) -> SharedDescriptor {
        let (parentPath, name) = RootDirectory.split(path)
        let parent = try openDirectory(parentPath)
        // Not blocking: somebody may have put a FIFO there.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK
        do throws(SwiftletError) {
            let file = try LinuxSystem.open(at: parent.raw, name, flags, mode: 0o640, .beneath)
            guard try status(file.raw, name: path).isRegularFile else {
                throw SwiftletError(.failedPrecondition, "not a regular file")
            }
            return SharedDescriptor(file)
        } catch {
            throw error.during("open log", printable(path))
        }
    }
}
