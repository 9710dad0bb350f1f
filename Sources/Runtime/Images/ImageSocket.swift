import Errors
import Glibc
import ImageStore
import JSON
import LinuxSystem
import Logging
import OCI
import Synchronization

/// `<run>/images.sock`: JSON-RPC 2.0 for what CRI has no call for; archives come as open files. A connection has one
/// request line, with the archive's descriptor attached where it has one; progress notifications and the response follow. A
/// blocking thread a connection.
final class ImageSocket: Sendable {
    static let name = "images.sock"
    /// Connections served at once.
    private static let limit = 32

    private let context: RuntimeContext
    private let listener: OwnedDescriptor
    private let stopping = Atomic(false)
    private let wakeUp: WakeUp
    private let connections = Mutex<[Int: ImageConnection]>([:])

    init(context: RuntimeContext) throws(SwiftletError) {
        self.context = context
        try ImageMounts(images: context.images).sweep()
        listener = try UnixSocket.listen(directory: context.configuration.run, name: ImageSocket.name)
        try setNonBlocking(listener.raw)
        wakeUp = try WakeUp()
        try DedicatedThread.start("image-socket") { [self] in run() }
    }

    /// Stops listening and cancels the loads under way.
    func stop() {
        stopping.store(true, ordering: .relaxed)
        wakeUp.signal()
        unlink("\(context.configuration.run)/\(ImageSocket.name)")
        for connection in connections.withLock({ Array($0.values) }) { connection.cancel() }
    }

    private func run() {
        var next = 0
        while !stopping.load(ordering: .relaxed) {
            var items = [
                pollfd(fd: listener.raw, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wakeUp.raw, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&items, 2, -1) > 0, items[1].revents == 0 else { continue }
            guard let socket = acceptConnection(listener.raw) else {
                // Out of descriptors, say: the caller stays in the queue, and this thread does not spin meanwhile.
                _ = poll(nil, 0, 20)
                continue
            }
            next += 1
            serve(socket, key: next)
        }
    }

    private func serve(_ socket: consuming OwnedDescriptor, key: Int) {
        let connection = ImageConnection(socket, images: context.images)
        let fits = connections.withLock { connections in
            guard connections.count < ImageSocket.limit else { return false }
            connections[key] = connection
            return true
        }
        guard fits else {
            return connection.refuse(
                SwiftletError(
                    .resourceExhausted, "\(ImageSocket.limit) requests are under way", hint: "try again later"))
        }
        do throws(SwiftletError) {
            try DedicatedThread.start("image-load") { [self] in
                if connection.serve() { context.loads.continuation.yield() }
                connections.withLock { _ = $0.removeValue(forKey: key) }
            }
        } catch {
            connections.withLock { _ = $0.removeValue(forKey: key) }
            connection.refuse(error)
        }
    }
}
