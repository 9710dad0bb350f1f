import Errors
import Glibc
import LinuxSystem

/// The bounds of messages on a shim's socket: four bytes of length, little-endian, then so many bytes. Descriptors
/// travel with the first byte.
public enum Frame {
    /// The longest message either side takes.
    public static let limit = 8 << 20

    public static func header(of payload: [UInt8]) throws(SwiftletError) -> [UInt8] {
        guard payload.count <= limit else {
            throw SwiftletError(
                .resourceExhausted, "\(payload.count) bytes, at most \(limit) fit", operation: "send message",
                object: "to the shim", hint: "shorten the container's environment and arguments")
        }
        let count = UInt32(payload.count)
        return (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
    }
}

/// Puts frames together from what a stream socket gives.
public struct FrameReader {
    /// A whole frame.
    public struct Message: Sendable {
        public let payload: [UInt8]
        /// Its descriptors; whoever takes the message closes them.
        public let descriptors: [Int32]
    }

    private var buffer: [UInt8] = []
    private var descriptors: [Int32] = []

    public init() {}

    /// How many more bytes complete the header or the frame: what to ask the socket for.
    public var wanted: Int { get throws(SwiftletError) { try length() - buffer.count } }

    /// Takes what arrived; gives the message when it is complete.
    public mutating func take(_ bytes: UnsafeRawBufferPointer, _ received: [Int32]) throws(SwiftletError) -> Message? {
        descriptors += received
        buffer.append(contentsOf: bytes)
        guard descriptors.count <= 8 else { throw malformed("too many descriptors with one message") }
        guard buffer.count >= 4, buffer.count == (try length()) else { return nil }
        let message = Message(payload: Array(buffer[4...]), descriptors: descriptors)
        buffer = []
        descriptors = []
        return message
    }

    /// Closes the descriptors of an unfinished frame.
    public mutating func discard() {
        for descriptor in descriptors { close(descriptor) }
        descriptors = []
        buffer = []
    }

    private func length() throws(SwiftletError) -> Int {
        guard buffer.count >= 4 else { return 4 }
        let length = (0..<4).reduce(0) { $0 | Int(buffer[$1]) << (8 * $1) }
        guard length <= Frame.limit else {
            throw malformed("a frame of \(length) bytes, at most \(Frame.limit) are taken")
        }
        return 4 + length
    }

    private func malformed(_ what: String) -> SwiftletError {
        SwiftletError(.invalidArgument, what, operation: "receive message")
    }
}
