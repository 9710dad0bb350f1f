import Errors
import Glibc
import LinuxSystem

/// A container's standard input, a pipe or a terminal's master, fed by whoever is attached. What it does not take holds
/// the clients up and nobody else.
final class InputSink {
    private let target: SharedDescriptor
    private let loop: EventLoop
    private let isTerminal: Bool
    private let closesAfterFirst: Bool
    private var pending: [UInt8] = []
    private var watch: EventLoop.Watch?
    private var sources: [InputSource] = []
    private var duplicate: SharedDescriptor?
    private(set) var closed = false

    init(_ target: SharedDescriptor, terminal: Bool, closesAfterFirst: Bool, _ loop: EventLoop) throws(SwiftletError) {
        self.target = target
        self.loop = loop
        self.isTerminal = terminal
        self.closesAfterFirst = closesAfterFirst
        try setNonBlocking(target.raw)
    }

    func attach(_ descriptor: consuming OwnedDescriptor) throws(SwiftletError) {
        let source = try InputSource(descriptor, loop, sink: self)
        sources.append(source)
        if pending.isEmpty { source.resume() }
    }

    /// From a source: false when it must wait until it is resumed.
    fileprivate func accept(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard !closed else { return true }
        let count = put(bytes)
        guard !closed, count < bytes.count else { return true }
        pending.append(contentsOf: bytes[count...])
        waitForRoom()
        return false
    }

    fileprivate func ended(_ source: InputSource) {
        sources.removeAll { $0 === source }
        guard closesAfterFirst, !isTerminal else { return }
        if pending.isEmpty { close() } else { closesWhenEmpty = true }
    }

    /// The process is gone, or standard input is over.
    func close() {
        guard !closed else { return }
        closed = true
        pending = []
        if let watch { loop.unwatch(watch) }
        watch = nil
        duplicate = nil
        let all = sources
        sources = []
        for source in all { source.close() }
        onClose()
    }

    /// Lets go of the pipe's end.
    var onClose: () -> Void = {}
    private var closesWhenEmpty = false

    private func waitForRoom() {
        guard watch == nil else { return }
        do throws(SwiftletError) {
            // A descriptor of its own: a terminal's master is watched for output already.
            let own = SharedDescriptor(try duplicateDescriptor(target.raw))
            watch = try loop.watch(own.raw, .output) { [weak self] _ in self?.pour() }
            duplicate = own
        } catch {
            complain(error.description)
            close()
        }
    }

    private func pour() {
        let count = pending.withUnsafeBytes { put($0) }
        guard !closed else { return }
        pending.removeFirst(count)
        guard pending.isEmpty else { return }
        if let watch { loop.unwatch(watch) }
        watch = nil
        duplicate = nil
        if closesWhenEmpty { return close() }
        for source in sources { source.resume() }
    }

    private func put(_ bytes: UnsafeRawBufferPointer) -> Int {
        while true {
            let count = Glibc.write(target.raw, bytes.baseAddress, bytes.count)
            if count >= 0 { return count }
            switch lastError() {
            case EINTR: continue
            case EAGAIN: return 0
            default:
                // Nobody reads any more.
                close()
                return 0
            }
        }
    }
}

/// One client's input.
private final class InputSource {
    private let descriptor: OwnedDescriptor
    private let loop: EventLoop
    private weak var sink: InputSink?
    private var watch: EventLoop.Watch?

    init(_ descriptor: consuming OwnedDescriptor, _ loop: EventLoop, sink: InputSink) throws(SwiftletError) {
        self.descriptor = descriptor
        self.loop = loop
        self.sink = sink
        try setNonBlocking(self.descriptor.raw)
    }

    func resume() {
        guard watch == nil else { return }
        do throws(SwiftletError) {
            watch = try loop.watch(descriptor.raw, .input) { [weak self] _ in self?.readOnce() }
        } catch {
            complain(error.description)
            finish()
        }
    }

    func close() {
        if let watch { loop.unwatch(watch) }
        watch = nil
    }

    private func readOnce() {
        let count = Glibc.read(descriptor.raw, Scratch.buffer.baseAddress, 4096)
        if count > 0 {
            let bytes = UnsafeRawBufferPointer(rebasing: Scratch.buffer[..<count])
            if sink?.accept(bytes) == false { close() }
            return
        }
        if count < 0, [EINTR, EAGAIN].contains(lastError()) { return }
        finish()
    }

    private func finish() {
        close()
        sink?.ended(self)
    }
}
