import CRI
import Errors
import JSON
import KubeAPI
import LocalSockets
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// The Kubernetes API over a Unix socket, for what one node has: pods, namespaces, events, the node itself.
///
/// Objects live in a SQLite file and survive the process. The control loop uses `cluster`, which is the same store
/// without HTTP.
public final class APIServer: Sendable {
    private let socketPath: String
    private let api: API
    private let store: ObjectStore
    private let logger: Logger
    private let listener = ListenerBox()
    public let cluster: any ClusterAPI

    /// Opens the store at `databasePath`, making it if need be. `runtime` serves logs, exec, attach and metrics;
    /// `version` is this program's. Errors: `internal` when the database cannot be opened.
    public static func open(
        socketPath: String, databasePath: String, runtime: any RuntimeService & ImageService, nodeName: String,
        version: String = "0.1.0", logger: Logger, now: @escaping @Sendable () -> Timestamp
    ) async throws -> APIServer {
        let store = try await ObjectStore.open(databasePath)
        let objects = Objects(store: store, nodeName: nodeName, now: now)
        let api = API(
            objects: objects, runtime: runtime, usage: UsageSampler(),
            scheduler: EventRecorder(objects: objects, component: "default-scheduler"), version: version, logger: logger
        )
        try await objects.bootstrap()
        return APIServer(socketPath: socketPath, api: api, store: store, logger: logger)
    }

    private init(socketPath: String, api: API, store: ObjectStore, logger: Logger) {
        self.socketPath = socketPath
        self.api = api
        self.store = store
        self.logger = logger
        let events = EventRecorder(objects: api.objects, component: "kubelet")
        cluster = Cluster(objects: api.objects, events: events, logger: logger)
    }

    /// Listens; returns once clients can connect. The socket is for root and the daemon's own user only.
    public func start() async throws {
        let api = api
        let server = try await LocalServer.start(
            at: socketPath, group: MultiThreadedEventLoopGroup.singleton, logger: logger, refusal: Self.refusal
        ) { channel, _ in
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: true, withErrorHandling: true)
            try pipeline.addHandler(HTTPConnection { request, responder in await api.answer(request, responder) })
        }
        await listener.set(server)
    }

    /// Ends watches, closes connections and the store. The in-process `cluster` is of no use afterwards.
    public func stop() async {
        let server = await listener.take()
        await server?.stopAccepting()
        store.hub.close()
        await server?.closeConnections()
        do { try await store.close() } catch {
            logger.error("closing the object store", metadata: ["error": "\(error)"])
        }
    }

    /// An answer for peers that may not connect, complete in itself.
    private static func refusal(_ error: SwiftletError) -> [UInt8] {
        let failure = APIFailure(error)
        let body = failure.status.json.serialized()
        let phrase = HTTPResponseStatus(statusCode: failure.code).reasonPhrase
        let head =
            "HTTP/1.1 \(failure.code) \(phrase)\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\nConnection: close\r\n\r\n"
        return Array(head.utf8) + body
    }
}

private actor ListenerBox {
    private var server: LocalServer?

    func set(_ server: LocalServer) { self.server = server }

    func take() -> LocalServer? {
        defer { server = nil }
        return server
    }
}
