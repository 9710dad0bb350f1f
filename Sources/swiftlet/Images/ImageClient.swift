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
        try callForFile(method, params, file: file, progress: progress).result
    }

    struct Answer: ~Copyable {
        let result: JSONValue
        private let file: OwnedDescriptor?

        init(_ result: JSONValue, _ file: consuming OwnedDescriptor?) {
            self.result = result
            self.file = file
        }

        consuming func takeFile() -> OwnedDescriptor? { file }
    }

    /// As `call`, of a method whose result comes with an open file.
    func callForFile(
        _ method: String, _ params: JSONValue = [:], file: Int32? = nil,
        progress: (JSONValue) -> Void = { _ in }
    ) throws(SwiftletError) -> Answer {
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
            return Answer(message["result"] ?? .null, lines.takeFile())
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

/// Lines of at most 64 MiB from a socket, and the file that came along.
private struct LineReader: ~Copyable {
    private let descriptor: Int32
    private var rest: [UInt8] = []
    private var scanned = 0
    private var file: OwnedDescriptor?

    init(descriptor: Int32) { self.descriptor = descriptor }

    mutating func takeFile() -> OwnedDescriptor? { file.take() }

    mutating func next() throws(SwiftletError) -> [UInt8]? {
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
            guard try receive() else { return nil }
        }
    }

    /// False at the end.
    private mutating func receive() throws(SwiftletError) -> Bool {
        let descriptor = descriptor
        let part = try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) {
            (buffer) throws(SwiftletError) -> ([UInt8], [Int32]) in
            guard let receipt = try LinuxSystem.receive(descriptor, into: buffer) else { return ([], []) }
            return (Array(buffer[..<receipt.count]), receipt.descriptors)
        }
        rest += part.0
        for extra in part.1.dropFirst() { close(extra) }
        if let first = part.1.first { file = OwnedDescriptor(owning: first) }
        return !part.0.isEmpty
    }
}
