import Errors

/// Where a stream is: an HTTP path on a Unix socket.
public struct StreamTarget: Sendable, Equatable {
    public var socketPath: String
    /// Path and query: `/exec/TOKEN`.
    public var uri: String

    public init(socketPath: String, uri: String) {
        self.socketPath = socketPath
        self.uri = uri
    }

    private static let scheme = "http+unix://"

    /// `http+unix://%2Frun%2Fswiftlet%2Fstreaming.sock/exec/TOKEN`, as `StreamingServer.register` gives it.
    public init(url: String) throws(SwiftletError) {
        let object = "streaming URL \(printable(url))"
        guard url.hasPrefix(Self.scheme) else {
            throw .invalid("it must start with \(Self.scheme)", object: object)
        }
        let rest = url.dropFirst(Self.scheme.count)
        guard let slash = rest.firstIndex(of: "/"), let path = Self.unescape(rest[..<slash]), path.hasPrefix("/") else {
            throw .invalid("the socket's path is missing or not percent-encoded", object: object)
        }
        guard rest[slash...].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw .invalid("the path has letters that need percent-encoding", object: object)
        }
        socketPath = path
        uri = String(rest[slash...])
    }

    public var url: String { Self.scheme + Self.escape(socketPath) + uri }

    private static func escape(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                out.unicodeScalars.append(Unicode.Scalar(byte))
            default: out += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return out
    }

    private static func unescape(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
