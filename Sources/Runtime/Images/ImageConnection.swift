import Errors
import Glibc
import ImageStore
import JSON
import LinuxSystem
import OCI
import Synchronization

/// One load over `images.sock`.
final class ImageConnection: Sendable {
    private let socket: OwnedDescriptor
    private let images: ImageStore
    private let cancellation = LoadCancellation()
    private let ended = Atomic(false)

    /// A request has a platform and a name, no more.
    private static let lineLimit = 64 << 10

    init(_ socket: consuming OwnedDescriptor, images: ImageStore) {
        self.socket = socket
        self.images = images
    }

    func cancel() {
        cancellation.cancel()
        _ = shutdown(socket.raw, Int32(SHUT_RDWR))
    }

    func refuse(_ error: SwiftletError) { say(ImageConnection.failure(error, id: .null)) }

    /// To the end of the connection; whether images were loaded. Blocks.
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
                    .permissionDenied, "user \(user) may not load images", hint: "run the command as root")
            }
            let received = try receiveRequest()
            let (requestID, options) = try ImageRequest.parse(received.line, id: &id)
            id = requestID
            let result = try load(received.takeArchive(), options)
            ended.store(true, ordering: .relaxed)
            say(.object(["jsonrpc": "2.0", "id": id, "result": result]))
            return true
        } catch {
            // What comes from the store says so itself.
            let told = error.operation == "load image" ? error : error.during("load image")
            say(ImageConnection.failure(told, id: id))
            return false
        }
    }

    private func load(_ archive: consuming OwnedDescriptor, _ options: LoadOptions) throws(SwiftletError) -> JSONValue {
        try DedicatedThread.start("image-watch") { [self] in watchClient() }
        let loaded: [LoadedImage]
        do {
            loaded = try images.load(from: archive, options: options, cancellation: cancellation) { self.report($0) }
        } catch { throw SwiftletError.wrapping(error) }
        return .object([
            "images": .array(
                loaded.map {
                    .object([
                        "id": .string($0.image.id.description),
                        "names": .array($0.image.names.map { .string($0.canonical) }),
                        "alreadyPresent": .bool($0.alreadyPresent),
                    ])
                })
        ])
    }

    /// Cancels the load when the client goes away, which shows as the end of its stream.
    private func watchClient() {
        var byte: UInt8 = 0
        while !ended.load(ordering: .relaxed) {
            let count = recv(socket.raw, &byte, 1, 0)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
        }
        if !ended.load(ordering: .relaxed) { cancellation.cancel() }
    }

    private func report(_ progress: LoadProgress) {
        var params: JSONValue = [
            "phase": .string("\(progress.phase)"), "bytes": .int(progress.bytesRead),
            "unpacked": .int(progress.bytesUnpacked), "layers": .int(Int64(progress.layersDone)),
        ]
        if let total = progress.bytesTotal { params["total"] = .int(total) }
        if let total = progress.layersTotal { params["layersTotal"] = .int(Int64(total)) }
        say(.object(["jsonrpc": "2.0", "method": "Progress", "params": params]))
    }

    private struct Received: ~Copyable {
        let line: [UInt8]
        private let archive: OwnedDescriptor

        init(_ line: [UInt8], _ archive: consuming OwnedDescriptor) {
            self.line = line
            self.archive = archive
        }

        consuming func takeArchive() -> OwnedDescriptor { archive }
    }

    private func receiveRequest() throws(SwiftletError) -> Received {
        // A client that says nothing does not hold a thread for ever.
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(socket.raw, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket.raw, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var line: [UInt8] = []
        var archives: [Int32] = []
        var failure: SwiftletError?
        while failure == nil, line.last != UInt8(ascii: "\n") {
            do throws(SwiftletError) { try receivePart(&line, &archives) } catch { failure = error }
        }
        if failure == nil, archives.count != 1 {
            failure = .invalid(
                "the request came with \(archives.count) descriptors",
                hint: "attach the open archive, and only it, to the request's first byte")
        }
        guard let archive = archives.first, failure == nil else {
            for descriptor in archives { close(descriptor) }
            throw failure ?? .invalid("the request came without a descriptor")
        }
        // From here on the client only waits, for as long as the load takes.
        patience = timeval(tv_sec: 0, tv_usec: 0)
        setsockopt(socket.raw, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        return Received(line, OwnedDescriptor(owning: archive))
    }

    private func receivePart(_ line: inout [UInt8], _ archives: inout [Int32]) throws(SwiftletError) {
        let part = try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) {
            (buffer) throws(SwiftletError) -> (SocketReceipt, [UInt8]) in
            guard let receipt = try receive(socket.raw, into: buffer) else {
                throw SwiftletError(.deadlineExceeded, "no whole request came within 30 seconds")
            }
            return (receipt, Array(buffer[..<receipt.count]))
        }
        archives += part.0.descriptors
        guard part.0.count > 0 else { throw .invalid("the connection ended before the request's line did") }
        line += part.1
        guard line.count <= ImageConnection.lineLimit else {
            throw .invalid("the request's line is longer than \(ImageConnection.lineLimit) bytes")
        }
    }

    private func say(_ message: JSONValue) {
        let bytes = message.serialized() + [UInt8(ascii: "\n")]
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(socket.raw, $0.baseAddress.map { $0 + done }, $0.count - done, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            // A client that is gone or does not read loses the load.
            guard count > 0 else { return cancellation.cancel() }
            done += count
        }
    }

    private static func failure(_ error: SwiftletError, id: JSONValue) -> JSONValue {
        .object(["jsonrpc": "2.0", "id": id, "error": ImageRequest.errorObject(error)])
    }
}
