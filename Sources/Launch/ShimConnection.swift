import Errors
import Glibc
import LinuxSystem
import Synchronization

/// A shim's answer, with the descriptor that came along.
@frozen
public struct ShimAnswer: ~Copyable, Sendable {
    public let reply: ShimReply
    private var descriptor: OwnedDescriptor?

    init(_ reply: ShimReply, _ descriptor: consuming OwnedDescriptor?) {
        self.reply = reply
        self.descriptor = descriptor
    }

    /// An exec's terminal master.
    public consuming func takeDescriptor() -> OwnedDescriptor? { descriptor }
}

/// The daemon's end of a connection to a shim: requests and their replies, one at a time. Blocks the calling thread.
public final class ShimConnection: Sendable {
    private struct State: ~Copyable {
        let socket: OwnedDescriptor
        var broken = false
    }

    private let state: Mutex<State>

    /// Connects to `<directory>/shim.sock`; `.unavailable` or `.notFound` when no shim listens there.
    public init(directory: String) throws(SwiftletError) {
        let socket = try UnixSocket.connect(directory: directory, name: ShimSocket.name)
        state = Mutex(State(socket: socket))
    }

    /// Sends `request` with borrowed `descriptors` and waits for the reply. A `.failed` reply is returned; thrown is what
    /// breaks the connection: the shim is gone, too slow, or not a shim.
    public func request(
        _ request: ShimRequest, descriptors: [Int32] = [], timeoutMilliseconds: Int32 = 120_000
    ) throws(SwiftletError) -> ShimAnswer {
        let payload = request.encoded
        let header = try Frame.header(of: payload)
        return try state.withLock { (state) throws(SwiftletError) -> ShimAnswer in
            guard !state.broken else {
                throw SwiftletError(.unavailable, "the connection broke earlier", operation: "ask shim")
            }
            state.broken = true
            let deadline = monotonicNanoseconds() + Int64(timeoutMilliseconds) * 1_000_000
            do throws(SwiftletError) {
                try ShimSocket.send(state.socket.raw, header + payload, descriptors, deadline: deadline)
                let message = try ShimSocket.receive(state.socket.raw, deadline: deadline)
                let descriptor = ShimSocket.first(of: message.descriptors)
                let answer = ShimAnswer(try ShimReply(decoding: message.payload), descriptor)
                state.broken = false
                return answer
            } catch {
                throw error.during("ask shim")
            }
        }
    }
}

/// What both kinds of connection share.
enum ShimSocket {
    static let name = "shim.sock"

    /// Sends all of `bytes`, the descriptors with the first.
    static func send(_ socket: Int32, _ bytes: [UInt8], _ descriptors: [Int32], deadline: Int64) throws(SwiftletError) {
        var done = 0
        while done < bytes.count {
            let attached = done == 0 ? descriptors : []
            let slice = Array(bytes[done...])
            let sent = try slice.withBytes { (slice) throws(SwiftletError) in
                try LinuxSystem.send(socket, slice, descriptors: attached, flags: dontWait)
            }
            if let sent { done += sent } else { try waitReady(socket, POLLOUT, deadline) }
        }
    }

    /// One whole frame.
    static func receive(_ socket: Int32, deadline: Int64) throws(SwiftletError) -> FrameReader.Message {
        var reader = FrameReader()
        do throws(SwiftletError) {
            while true {
                var buffer = [UInt8](repeating: 0, count: min(try reader.wanted, 65536))
                let receipt = try buffer.withMutableBytes { (buffer) throws(SwiftletError) in
                    try LinuxSystem.receive(socket, into: buffer, flags: dontWait)
                }
                guard let receipt else {
                    try waitReady(socket, POLLIN, deadline)
                    continue
                }
                guard receipt.count > 0 else {
                    throw SwiftletError(.unavailable, "the shim closed the connection")
                }
                let message = try buffer.withBytes { (bytes) throws(SwiftletError) in
                    try reader.take(UnsafeRawBufferPointer(rebasing: bytes[..<receipt.count]), receipt.descriptors)
                }
                if let message { return message }
            }
        } catch {
            reader.discard()
            throw error
        }
    }

    /// The one descriptor a reply may carry; any others are closed.
    static func first(of descriptors: [Int32]) -> OwnedDescriptor? {
        for extra in descriptors.dropFirst() { close(extra) }
        return descriptors.first.map { OwnedDescriptor(owning: $0) }
    }

    private static let dontWait = Int32(MSG_DONTWAIT)

    private static func waitReady(_ socket: Int32, _ events: Int32, _ deadline: Int64) throws(SwiftletError) {
        var item = pollfd(fd: socket, events: Int16(events), revents: 0)
        let left = (deadline - monotonicNanoseconds() + 999_999) / 1_000_000
        guard left > 0 else { throw SwiftletError(.deadlineExceeded, "the shim did not answer in time") }
        _ = try retrying("poll") { poll(&item, 1, Int32(clamping: left)) }
    }
}
