import Errors
import Glibc
import ImageStore
import JSON
import LinuxSystem
import Synchronization

/// One request over `images.sock`.
final class ImageConnection: Sendable {
    private let socket: OwnedDescriptor
    private let images: ImageStore
    private let cancellation = LoadCancellation()
    private let ended = Atomic(false)

    /// A request has names and options, no more.
    private static let lineLimit = 1 << 20

    init(_ socket: consuming OwnedDescriptor, images: ImageStore) {
        self.socket = socket
        self.images = images
    }

    func cancel() {
        cancellation.cancel()
        _ = shutdown(socket.raw, Int32(SHUT_RDWR))
    }

    func refuse(_ error: SwiftletError) { say(ImageConnection.failure(error, id: .null)) }

    /// To the end of the connection; whether images may have got new names. Blocks.
    func serve() -> Bool {
        var id = JSONValue.null
        defer {
            ended.store(true, ordering: .relaxed)
            _ = shutdown(socket.raw, Int32(SHUT_RDWR))
        }
        do throws(SwiftletError) {
            let user = try UnixSocket.peerUser(socket.raw)
            guard user == 0 || user == geteuid() else {
                throw SwiftletError(
                    .permissionDenied, "user \(user) may not use the image store", hint: "run the command as root")
            }
            let received = try receiveRequest()
            let request = try ImageRequest(received.line, id: &id)
            try DedicatedThread.start("image-watch") { [self] in watchClient() }
            let methods = ImageMethods(images: images, cancellation: cancellation) {
                self.say(.object(["jsonrpc": "2.0", "method": "Progress", "params": $0]))
            }
            let outcome = try methods.call(request, file: received.takeFile())
            ended.store(true, ordering: .relaxed)
            say(.object(["jsonrpc": "2.0", "id": id, "result": outcome.result]), with: outcome.descriptor)
            return outcome.addsNames
        } catch {
            say(ImageConnection.failure(error, id: id))
            return false
        }
    }

    /// Cancels the work when the client goes away, which shows as the end of its stream.
    private func watchClient() {
        var byte: UInt8 = 0
        while !ended.load(ordering: .relaxed) {
            let count = recv(socket.raw, &byte, 1, 0)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
        }
        if !ended.load(ordering: .relaxed) { cancellation.cancel() }
    }

    private struct Received: ~Copyable {
        let line: [UInt8]
        private let file: OwnedDescriptor?

        init(_ line: [UInt8], _ file: consuming OwnedDescriptor?) {
            self.line = line
            self.file = file
        }

        consuming func takeFile() -> OwnedDescriptor? { file }
    }

    private func receiveRequest() throws(SwiftletError) -> Received {
        // A client that says nothing does not hold a thread for ever.
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(socket.raw, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket.raw, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var line: [UInt8] = []
        var files: [Int32] = []
        var failure: SwiftletError?
        while failure == nil, line.last != UInt8(ascii: "\n") {
            do throws(SwiftletError) { try receivePart(&line, &files) } catch { failure = error }
        }
        if failure == nil, files.count > 1 { failure = .invalid("the request came with \(files.count) descriptors") }
        if let failure {
            for descriptor in files { close(descriptor) }
            throw failure
        }
        // From here on the client only waits, for as long as the work takes.
        patience = timeval(tv_sec: 0, tv_usec: 0)
        setsockopt(socket.raw, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        guard let file = files.first else { return Received(line, nil) }
        return Received(line, OwnedDescriptor(owning: file))
    }

    private func receivePart(_ line: inout [UInt8], _ files: inout [Int32]) throws(SwiftletError) {
        let part = try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) {
            (buffer) throws(SwiftletError) -> (SocketReceipt, [UInt8]) in
            guard let receipt = try receive(socket.raw, into: buffer) else {
                throw SwiftletError(.deadlineExceeded, "no whole request came within 30 seconds")
            }
            return (receipt, Array(buffer[..<receipt.count]))
        }
        files += part.0.descriptors
        guard part.0.count > 0 else { throw .invalid("the connection ended before the request's line did") }
        line += part.1
        guard line.count <= ImageConnection.lineLimit else {
            throw .invalid("the request's line is longer than \(ImageConnection.lineLimit) bytes")
        }
    }

    /// A descriptor goes with the first byte.
    private func say(_ message: JSONValue, with descriptor: Int32? = nil) {
        let bytes = message.serialized() + [UInt8(ascii: "\n")]
        var done = 0
        while done < bytes.count {
            let descriptors = done == 0 ? [descriptor].compactMap { $0 } : []
            let sent: Int? = bytes.withUnsafeBytes { bytes in
                try? LinuxSystem.send(
                    socket.raw, UnsafeRawBufferPointer(rebasing: bytes[done...]), descriptors: descriptors) ?? 0
            }
            // A client that is gone or does not read loses the work.
            guard let sent, sent > 0 else { return cancellation.cancel() }
            done += sent
        }
    }

    private static func failure(_ error: SwiftletError, id: JSONValue) -> JSONValue {
        .object(["jsonrpc": "2.0", "id": id, "error": ImageErrorForm.object(error)])
    }
}
