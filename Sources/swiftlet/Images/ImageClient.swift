import Errors
import Glibc
import JSON
import LinuxSystem

/// Calls of `images.sock`. A connection has one request; an open file travels with its first byte (SCM_RIGHTS), so that the
/// daemon reads or writes it itself and the bytes are copied once.
struct ImageClient {
    let runDirectory: String

    /// Waits for the result; `file` is an open one, borrowed; `progress` is shown each notification meanwhile. Blocks the thread, which is the command's own.
    func call(
        _ method: String, _ params: JSONValue = [:], file: Int32? = nil,
        progress: (JSONValue) -> Void = { _ in }
    ) throws(SwiftletError) -> JSONValue {
        let socket = try UnixSocket.connect(directory: runDirectory, name: "images.sock")
        let request: JSONValue = ["jsonrpc": "2.0", "id": 1, "method": .string(method), "params": params]
        try Self.send(request.serialized() + [0x0a], file, over: socket.raw)
        var lines = LineReader(descriptor: socket.raw)
        while let line = try lines.next() {
            let message = try JSONValue.parse(line)
            if message["method"]?.string == "Progress" {
                progress(message["params"] ?? .null)
                continue
            }
            if let error = message["error"] { throw SwiftletError(jsonRPC: error) }
            return message["result"] ?? .null
        }
        throw SwiftletError(
            .unavailable, "the daemon closed the connection before it answered", hint: "see the daemon's log")
    }

    private static func send(_ line: [UInt8], _ descriptor: Int32?, over socket: Int32) throws(SwiftletError) {
        var sent = 0
        while sent < line.count {
            let rest = Array(line[sent...])
            let result: Result<Int?, SwiftletError> = rest.withUnsafeBytes { bytes in
                Result { () throws(SwiftletError) in
                    try LinuxSystem.send(socket, bytes, descriptors: sent == 0 ? [descriptor].compactMap { $0 } : [])
                }
            }
            sent += try result.get() ?? 0
        }
    }
}

/// Lines of at most 64 MiB from a descriptor.
private struct LineReader {
    let descriptor: Int32
    private var rest: [UInt8] = []
    private var scanned = 0

    init(descriptor: Int32) { self.descriptor = descriptor }

    mutating func next() throws(SwiftletError) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            if let end = rest[scanned...].firstIndex(of: 0x0a) {
                defer {
                    rest.removeSubrange(...end)
                    scanned = 0
                }
                return Array(rest[..<end])
            }
            scanned = rest.count
            guard rest.count < 64 << 20 else { throw SwiftletError(.dataLoss, "the daemon's answer has no end") }
            let count = try retrying("read", "the daemon's answer") { read(descriptor, &buffer, buffer.count) }
            if count == 0 { return nil }
            rest += buffer[..<count]
        }
    }
}
