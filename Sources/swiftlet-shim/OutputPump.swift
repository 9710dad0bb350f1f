import Errors
import Glibc
import Launch
import LinuxSystem

/// Copies one stream of a container, a pipe or a terminal's master, into the log and to whoever is attached.
final class OutputPump {
    /// More than any pipe holds: what one drain takes at most from a writer that never stops.
    private static let drainLimit = 4 << 20

    private let source: SharedDescriptor
    private let log: ContainerLog
    private let loop: EventLoop
    private var encoder: LogEncoder
    private var watch: EventLoop.Watch?
    private var attachments: [Attachment] = []
    private(set) var ended = false
    /// The stream has ended, and every attached client has what is its own of it.
    var isDone: Bool { ended && attachments.isEmpty }
    /// Called when it may have come to that.
    var onEnd: () -> Void = {}

    init(
        _ source: SharedDescriptor, _ stream: LogEncoder.Stream, _ log: ContainerLog, _ loop: EventLoop
    ) throws(SwiftletError) {
        self.source = source
        self.log = log
        self.loop = loop
        encoder = LogEncoder(stream)
        try setNonBlocking(source.raw)
    }

    /// Reads, unless the log is stalled.
    func resume() {
        guard watch == nil, !ended, !log.isStalled else { return }
        do throws(SwiftletError) {
            watch = try loop.watch(source.raw, .input) { [weak self] _ in self?.readOnce() }
        } catch { complain(error.description) }
    }

    func attach(_ descriptor: consuming OwnedDescriptor) throws(SwiftletError) {
        let attachment = try Attachment(descriptor, loop) { [weak self] closed in
            guard let self else { return }
            attachments.removeAll { $0 === closed }
            if isDone { onEnd() }
        }
        if ended { attachment.finish() } else { attachments.append(attachment) }
    }

    /// Takes what is there now, up to the end of the stream if it has come, and writes an unterminated line as it is.
    func drain() {
        var taken = 0
        while !ended, !log.isStalled, taken < OutputPump.drainLimit {
            guard let count = readChunk() else { break }
            taken += count
        }
        // With the log stalled more is to come, and the line may end yet.
        if !ended, !log.isStalled { log.finish(&encoder) }
    }

    /// The main process is gone: nobody attached waits for more than what is there.
    func finishAttachments() {
        for attachment in attachments { attachment.finish() }
    }

    private func readOnce() {
        _ = readChunk()
        if log.isStalled { pause() }
    }

    private func pause() {
        if let watch { loop.unwatch(watch) }
        watch = nil
    }

    /// nil when nothing is there now.
    private func readChunk() -> Int? {
        let count = Glibc.read(source.raw, Scratch.buffer.baseAddress, Scratch.size)
        if count > 0 {
            let bytes = UnsafeRawBufferPointer(rebasing: Scratch.buffer[..<count])
            log.write(bytes, &encoder)
            for attachment in attachments { attachment.write(bytes) }
            return count
        }
        if count < 0 {
            let error = lastError()
            if error == EINTR { return 0 }
            if error == EAGAIN { return nil }
            // EIO is a terminal whose last user is gone.
            if error != EIO { complain(systemError(error, "read output").description) }
        }
        end()
        return nil
    }

    private func end() {
        ended = true
        pause()
        log.finish(&encoder)
        finishAttachments()
        onEnd()
    }
}
