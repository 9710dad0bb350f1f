import Errors
import Glibc
import Launch
import LinuxSystem

/// A connection of the daemon's: one request at a time, or events after `subscribe`.
final class ClientConnection {
    /// A client that lets more than this wait unread is dropped.
    private static let backlogLimit = 1 << 20

    private struct Outgoing {
        let bytes: [UInt8]
        var sent = 0
        /// Goes with the first byte.
        var descriptor: SharedDescriptor?
    }

    private let loop: EventLoop
    private let socket: OwnedDescriptor
    private let onRequest: (ClientConnection, ShimRequest, [Int32]) -> Void
    private let onClose: (ClientConnection) -> Void
    private var watch: EventLoop.Watch?
    private var reader = FrameReader()
    private var queue: [Outgoing] = []
    /// A request waits for its reply.
    private var busy = false
    private var reading = false
    private var closed = false
    /// Receives events.
    private(set) var subscribed = false
    /// Called when everything queued has been sent.
    private var onDrained: (() -> Void)?

    init(
        _ socket: consuming OwnedDescriptor, _ loop: EventLoop,
        onRequest: @escaping (ClientConnection, ShimRequest, [Int32]) -> Void,
        onClose: @escaping (ClientConnection) -> Void
    ) throws(SwiftletError) {
        self.socket = socket
        self.loop = loop
        self.onRequest = onRequest
        self.onClose = onClose
        watch = try loop.watch(self.socket.raw, .input) { [unowned self] ready in handle(ready) }
    }

    /// Answers the request under way, with a copy of `descriptor`.
    func reply(_ reply: ShimReply, descriptor: SharedDescriptor? = nil) {
        busy = false
        enqueue(reply.encoded, descriptor)
        // From within the loop that reads: it goes on by itself.
        if !reading { readRequests() }
    }

    /// Only events come from now on.
    func subscribe() { subscribed = true }

    func send(_ event: ShimEvent) {
        guard queue.reduce(0, { $0 + $1.bytes.count }) < ClientConnection.backlogLimit else { return close() }
        enqueue(event.encoded, nil)
    }

    /// Runs `action` once nothing is left to send.
    func whenDrained(_ action: @escaping () -> Void) {
        if queue.isEmpty || closed { action() } else { onDrained = action }
    }

    private func handle(_ ready: EventPoll.Interest) {
        if ready.contains(.output) { flush() }
        if ready.contains(.input) {
            readRequests()
        } else if !ready.isDisjoint(with: [.hangUp, .error]) {
            close()
        }
    }

    private func readRequests() {
        reading = true
        defer { reading = false }
        do throws(SwiftletError) {
            while !closed, !busy, let message = try nextMessage() {
                guard !subscribed else { throw SwiftletError(.invalidArgument, "a request after subscribe") }
                busy = true
                do throws(SwiftletError) {
                    let request = try ShimRequest(decoding: message.payload)
                    onRequest(self, request, message.descriptors)
                } catch {
                    for descriptor in message.descriptors { Glibc.close(descriptor) }
                    throw error
                }
            }
        } catch {
            complain(error.during("serve daemon").description)
            close()
        }
        updateInterest()
    }

    private func nextMessage() throws(SwiftletError) -> FrameReader.Message? {
        while true {
            let wanted = min(try reader.wanted, Scratch.size)
            let buffer = UnsafeMutableRawBufferPointer(rebasing: Scratch.buffer[..<wanted])
            guard let receipt = try receive(socket.raw, into: buffer, flags: dontWait) else { return nil }
            if receipt.count == 0 {
                close()
                return nil
            }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<receipt.count])
            if let message = try reader.take(bytes, receipt.descriptors) { return message }
        }
    }

    private func enqueue(_ payload: [UInt8], _ descriptor: SharedDescriptor?) {
        guard !closed else { return }
        do throws(SwiftletError) {
            queue.append(Outgoing(bytes: try Frame.header(of: payload) + payload, descriptor: descriptor))
        } catch {
            complain(error.description)
            return close()
        }
        flush()
    }

    private func flush() {
        while !closed, var first = queue.first {
            do throws(SwiftletError) {
                let sent = try first.bytes.withUnsafeBytes { bytes -> Result<Int?, SwiftletError> in
                    let rest = UnsafeRawBufferPointer(rebasing: bytes[first.sent...])
                    let descriptors = first.descriptor.map { [$0.raw] } ?? []
                    do throws(SwiftletError) {
                        return .success(
                            try LinuxSystem.send(socket.raw, rest, descriptors: descriptors, flags: dontWait))
                    } catch { return .failure(error) }
                }.get()
                guard let sent else { break }
                first.sent += sent
                first.descriptor = nil
                if first.sent == first.bytes.count { queue.removeFirst() } else { queue[0] = first }
            } catch {
                close()
            }
        }
        if queue.isEmpty, let action = onDrained {
            onDrained = nil
            action()
        }
        updateInterest()
    }

    private func updateInterest() {
        guard !closed, let watch else { return }
        loop.change(watch, (busy ? [] : .input) as EventPoll.Interest)
        if !queue.isEmpty { loop.change(watch, busy ? .output : [.input, .output]) }
    }

    private func close() {
        guard !closed else { return }
        closed = true
        queue = []
        reader.discard()
        if let watch { loop.unwatch(watch) }
        watch = nil
        shutdown(socket.raw, Int32(SHUT_RDWR))
        if let action = onDrained {
            onDrained = nil
            action()
        }
        onClose(self)
    }
}

private let dontWait = Int32(MSG_DONTWAIT)

/// A descriptor with several holders, closed when the last lets go.
final class SharedDescriptor {
    private let owned: OwnedDescriptor
    init(_ owned: consuming OwnedDescriptor) { self.owned = owned }
    var raw: Int32 { owned.raw }
}

/// One buffer for everything the loop reads: it never holds anything from one event to the next.
enum Scratch {
    static let size = 32768
    nonisolated(unsafe) static let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
}
