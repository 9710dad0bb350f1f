import Errors
import Glibc
import LinuxSystem

/// One client that gets copies of a stream of output. It never holds the container up: what it does not take waits in
/// a buffer, and a client too far behind is dropped.
final class Attachment {
    private static let backlogLimit = 1 << 20

    private let descriptor: OwnedDescriptor
    private let loop: EventLoop
    private let onClose: (Attachment) -> Void
    private var watch: EventLoop.Watch?
    private var backlog: [UInt8] = []
    private var finishing = false

    init(
        _ descriptor: consuming OwnedDescriptor, _ loop: EventLoop, onClose: @escaping (Attachment) -> Void
    ) throws(SwiftletError) {
        self.descriptor = descriptor
        self.loop = loop
        self.onClose = onClose
        try setNonBlocking(self.descriptor.raw)
        // No interest: hang-ups and errors are reported all the same.
        watch = try loop.watch(self.descriptor.raw, []) { [weak self] in self?.handle($0) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) {
        guard let watch, !finishing else { return }
        var done = 0
        if backlog.isEmpty {
            switch put(bytes) {
            case .some(let count): done = count
            case .none: return close()
            }
        }
        guard done < bytes.count else { return }
        guard backlog.count + bytes.count - done <= Attachment.backlogLimit else { return close() }
        if backlog.isEmpty { loop.change(watch, .output) }
        backlog.append(contentsOf: bytes[done...])
    }

    /// No more comes: closes once the client has taken all.
    func finish() {
        finishing = true
        if backlog.isEmpty { close() }
    }

    private func handle(_ ready: EventPoll.Interest) {
        if ready.contains(.error) || (ready.contains(.hangUp) && !ready.contains(.output)) { return close() }
        guard ready.contains(.output), !backlog.isEmpty else { return }
        guard let count = backlog.withUnsafeBytes({ put($0) }) else { return close() }
        backlog.removeFirst(count)
        guard backlog.isEmpty, let watch else { return }
        if finishing { close() } else { loop.change(watch, []) }
    }

    /// How many bytes went; nil when the client is gone.
    private func put(_ bytes: UnsafeRawBufferPointer) -> Int? {
        while true {
            let count = Glibc.write(descriptor.raw, bytes.baseAddress, bytes.count)
            if count >= 0 { return count }
            switch lastError() {
            case EINTR: continue
            case EAGAIN: return 0
            default: return nil
            }
        }
    }

    private func close() {
        guard let watch else { return }
        loop.unwatch(watch)
        self.watch = nil
        backlog = []
        onClose(self)
    }
}
