import Errors
import JSON

/// The WebSocket subprotocols of Kubernetes' remote commands. Every message starts with its channel: a byte, or in the
/// base64 variants an ASCII digit followed by base64.
public enum StreamProtocol: String, Sendable, CaseIterable {
    case v5 = "v5.channel.k8s.io"
    case v4 = "v4.channel.k8s.io"
    case v4Base64 = "v4.base64.channel.k8s.io"

    /// Whether one channel can be closed alone: how a client says that stdin has ended.
    public var canHalfClose: Bool { self == .v5 }

    var isBase64: Bool { self == .v4Base64 }
}

/// What a message is about; the raw value is the number on the wire.
public enum StreamChannel: UInt8, Sendable, CaseIterable {
    case stdin = 0
    case stdout = 1
    case stderr = 2
    /// The final status, a Kubernetes Status object.
    case error = 3
    /// `{"Width":80,"Height":24}`.
    case resize = 4
}

/// One message, either way.
public enum StreamMessage: Sendable, Equatable {
    case data(StreamChannel, [UInt8])
    /// Nothing more comes on this channel (v5: byte 255 and the channel).
    case close(StreamChannel)

    private static let closeSignal: UInt8 = 255

    /// The payloads to send, at most 32 KiB of data each, which is what kubectl's buffers hold; none where the protocol has
    /// no word for it.
    func payloads(_ protocol: StreamProtocol) -> [[UInt8]] {
        switch self {
        case .close(let channel): return `protocol`.canHalfClose ? [[Self.closeSignal, channel.rawValue]] : []
        case .data(let channel, let bytes):
            return stride(from: 0, to: max(bytes.count, 1), by: Self.chunk).map { start in
                let part = bytes[start..<min(start + Self.chunk, bytes.count)]
                guard `protocol`.isBase64 else { return [channel.rawValue] + part }
                return [UInt8(ascii: "0") + channel.rawValue] + Base64.encode(part)
            }
        }
    }

    private static let chunk = 32 << 10

    /// nil for an empty payload, which peers send as a probe.
    init?(payload: [UInt8], _ protocol: StreamProtocol) throws(SwiftletError) {
        guard let first = payload.first else { return nil }
        if first == Self.closeSignal, `protocol`.canHalfClose {
            guard payload.count == 2, let channel = StreamChannel(rawValue: payload[1]) else {
                throw .invalid("a close signal names a channel from 0 to 4", object: "stream message")
            }
            self = .close(channel)
            return
        }
        let number = `protocol`.isBase64 ? first &- UInt8(ascii: "0") : first
        guard let channel = StreamChannel(rawValue: number) else {
            throw .invalid("there is no channel \(number)", object: "stream message")
        }
        guard `protocol`.isBase64 else {
            self = .data(channel, Array(payload.dropFirst()))
            return
        }
        guard let bytes = Base64.decode(payload.dropFirst()) else {
            throw .invalid("the payload is not base64", object: "stream message")
        }
        self = .data(channel, bytes)
    }
}

/// A terminal's size in characters.
public struct TerminalSize: Sendable, Equatable {
    public var width: UInt16
    public var height: UInt16

    public init(width: UInt16, height: UInt16) {
        self.width = width
        self.height = height
    }
}
