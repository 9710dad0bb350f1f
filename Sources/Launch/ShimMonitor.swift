import Errors
import Glibc
import LinuxSystem
import Synchronization

/// One thread that watches all shims: subscribes to each, hands their events over, notices a shim that ends and reaps
/// it when it is a child of this process.
public final class ShimMonitor: Sendable {
    public enum Notice: Sendable {
        case event(sandboxID: String, ShimEvent)
        /// The shim ended or spoke nonsense: nothing more comes from it.
        case lost(sandboxID: String)
    }

    private struct State {
        /// By token; removed ones are forgotten at once, so that an event under way finds nothing.
        var shims: [UInt64: WatchedShim] = [:]
        var nextToken: UInt64 = 1
        var stopping = false
    }

    private static let wakeToken: UInt64 = 0
    /// Marks the pidfd's token, beside the socket's.
    private static let processBit: UInt64 = 1 << 63

    private let poll: EventPoll
    private let wakeUp: WakeUp
    private let state = Mutex(State())
    private let handler: @Sendable (Notice) -> Void

    /// `handler` is called on the monitor's thread, one notice at a time: it must not block.
    public init(_ handler: @escaping @Sendable (Notice) -> Void) throws(SwiftletError) {
        poll = try EventPoll()
        wakeUp = try WakeUp()
        self.handler = handler
        try poll.add(wakeUp.raw, .input, token: ShimMonitor.wakeToken)
        try DedicatedThread.start("shim-monitor") { [self] in run() }
    }

    /// Connects and subscribes. Processes that ended and were not forgotten come as events first. A `process`, which must
    /// be a child of the caller's, is reaped when it ends.
    public func add(sandboxID: String, directory: String, process: consuming ProcessHandle?) throws(SwiftletError) {
        let socket = try UnixSocket.connect(directory: directory, name: ShimSocket.name)
        let deadline = monotonicNanoseconds() + 30_000_000_000
        let payload = ShimRequest.subscribe.encoded
        try ShimSocket.send(socket.raw, try Frame.header(of: payload) + payload, [], deadline: deadline)
        let message = try ShimSocket.receive(socket.raw, deadline: deadline)
        for descriptor in message.descriptors { close(descriptor) }
        guard try ShimReply(decoding: message.payload) == .done else {
            throw SwiftletError(.unavailable, "the shim refused", operation: "subscribe", object: printable(sandboxID))
        }
        let shim = WatchedShim(sandboxID: sandboxID, socket: socket, process: process)
        let token = state.withLock { state in
            let token = state.nextToken
            state.nextToken += 1
            state.shims[token] = shim
            return token
        }
        do {
            if let raw = shim.processDescriptor {
                try poll.add(raw, .input, token: token | ShimMonitor.processBit)
            }
            try poll.add(shim.socketDescriptor, .input, token: token)
        } catch {
            state.withLock { _ = $0.shims.removeValue(forKey: token) }
            throw error
        }
    }

    /// No notice about it comes after this, but for one under way. A child not yet ended is still reaped.
    public func remove(sandboxID: String) {
        let tokens = state.withLock { state in
            state.shims.filter { $0.value.sandboxID == sandboxID }.map(\.key)
        }
        for token in tokens { silence(token) }
    }

    /// Ends the thread.
    public func stop() {
        state.withLock { $0.stopping = true }
        wakeUp.signal()
    }

    private func run() {
        while true {
            let events: [EventPoll.Event]
            // The descriptor and the buffer are good: nothing but EINTR, which gives no events, can come back.
            do { events = try poll.wait() } catch { return }
            for event in events {
                if event.token == ShimMonitor.wakeToken {
                    wakeUp.clear()
                    if state.withLock({ $0.stopping }) { return }
                    continue
                }
                let token = event.token & ~ShimMonitor.processBit
                guard let shim = state.withLock({ $0.shims[token] }) else { continue }
                if event.token & ShimMonitor.processBit != 0 {
                    processEnded(token, shim)
                } else {
                    socketReady(token, shim)
                }
            }
        }
    }

    private func socketReady(_ token: UInt64, _ shim: WatchedShim) {
        do throws(SwiftletError) {
            while let event = try shim.nextEvent() {
                handler(.event(sandboxID: shim.sandboxID, event))
            }
        } catch {
            let silenced = shim.isSilenced
            silence(token)
            if !silenced { handler(.lost(sandboxID: shim.sandboxID)) }
        }
    }

    /// Stops listening; the shim stays known while its process is to be reaped.
    private func silence(_ token: UInt64) {
        guard let shim = state.withLock({ $0.shims[token] }) else { return }
        if shim.silence() {
            // It was added: removing cannot fail.
            try? poll.remove(shim.socketDescriptor)
        }
        if shim.processDescriptor == nil { state.withLock { _ = $0.shims.removeValue(forKey: token) } }
    }

    private func processEnded(_ token: UInt64, _ shim: WatchedShim) {
        guard let raw = shim.processDescriptor, shim.reap() else { return }
        try? poll.remove(raw)
        if shim.isSilenced { state.withLock { _ = $0.shims.removeValue(forKey: token) } }
    }
}

/// A shim the monitor watches.
private final class WatchedShim: Sendable {
    private struct State: ~Copyable {
        var reader = FrameReader()
        var silenced = false
        var reaped = false
    }

    let sandboxID: String
    private let socket: OwnedDescriptor
    private let process: ProcessHandle?
    private let state = Mutex(State())

    init(sandboxID: String, socket: consuming OwnedDescriptor, process: consuming ProcessHandle?) {
        self.sandboxID = sandboxID
        self.socket = socket
        self.process = process
    }

    deinit { state.withLock { $0.reader.discard() } }

    var socketDescriptor: Int32 { socket.raw }

    /// nil once reaped, or for a shim that is no child.
    var processDescriptor: Int32? {
        guard !state.withLock({ $0.reaped }) else { return nil }
        switch process {
        case .some(let process): return process.descriptor.raw
        case .none: return nil
        }
    }

    var isSilenced: Bool { state.withLock { $0.silenced } }

    /// False when it was silenced before.
    func silence() -> Bool {
        state.withLock { state in
            defer { state.silenced = true }
            return !state.silenced
        }
    }

    /// False while it still runs.
    func reap() -> Bool {
        switch process {
        case .some(let process):
            do throws(SwiftletError) {
                guard try process.reap() != nil else { return false }
            } catch {
                // ECHILD: not a child of ours after all, so not ours to reap.
            }
            state.withLock { $0.reaped = true }
            return true
        case .none: return true
        }
    }

    /// nil when no whole event is there.
    func nextEvent() throws(SwiftletError) -> ShimEvent? {
        try state.withLock { (state) throws(SwiftletError) -> ShimEvent? in
            guard !state.silenced else { return nil }
            while true {
                var buffer = [UInt8](repeating: 0, count: min(try state.reader.wanted, 65536))
                let receipt = try buffer.withMutableBytes { (buffer) throws(SwiftletError) in
                    try receive(socket.raw, into: buffer, flags: Int32(MSG_DONTWAIT))
                }
                guard let receipt else { return nil }
                guard receipt.count > 0 else { throw SwiftletError(.unavailable, "the shim closed the connection") }
                let message = try buffer.withBytes { (bytes) throws(SwiftletError) in
                    try state.reader.take(
                        UnsafeRawBufferPointer(rebasing: bytes[..<receipt.count]), receipt.descriptors)
                }
                guard let message else { continue }
                for descriptor in message.descriptors { close(descriptor) }
                return try ShimEvent(decoding: message.payload)
            }
        }
    }
}
