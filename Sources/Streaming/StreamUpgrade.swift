import Errors
import JSON
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// A WebSocket handshake that was found good.
public struct StreamHandshake: Sendable {
    public let `protocol`: StreamProtocol
    let accept: String
}

/// Turns an HTTP/1.1 server connection into a stream (RFC 6455 section 4.2).
public enum StreamUpgrade {
    /// Whether the request asks for a WebSocket.
    public static func isRequested(_ head: HTTPRequestHead) -> Bool {
        head.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
    }

    /// Checks the handshake and picks the first protocol of the client's list that we speak. Errors: `invalidArgument`.
    public static func negotiate(_ head: HTTPRequestHead) throws(SwiftletError) -> StreamHandshake {
        let object = "WebSocket handshake"
        guard head.method == .GET, head.version.major == 1, isRequested(head),
            head.headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "upgrade" })
        else {
            throw .invalid(
                "this path is a WebSocket: GET with the headers Connection: Upgrade and Upgrade: websocket",
                object: object)
        }
        guard head.headers[canonicalForm: "sec-websocket-version"].contains("13") else {
            throw .invalid("the header Sec-WebSocket-Version must be 13", object: object)
        }
        let keys = head.headers["sec-websocket-key"]
        guard keys.count == 1, Base64.decode(Array(keys[0].utf8))?.count == 16 else {
            throw .invalid("the header Sec-WebSocket-Key must be 16 bytes in base64", object: object)
        }
        let offers = head.headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
        guard let chosen = offers.lazy.compactMap(StreamProtocol.init(rawValue:)).first else {
            let ours = StreamProtocol.allCases.map(\.rawValue).joined(separator: ", ")
            let theirs = offers.isEmpty ? "none" : offers.map { printable($0, limit: 40) }.joined(separator: ", ")
            throw .invalid(
                "no protocol in common: the client offers \(theirs)", object: object, hint: "offer one of \(ours)")
        }
        return StreamHandshake(protocol: chosen, accept: acceptance(of: keys[0]))
    }

    /// The answer to a key, which proves that the server speaks WebSocket.
    static func acceptance(of key: String) -> String {
        let digest = SHA1.digest(Array("\(key)258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8))
        return String(decoding: Base64.encode(digest), as: UTF8.self)
    }

    /// Answers 101 and replaces the HTTP handlers: NIO's are found by their types, the caller's own are named in
    /// `removing`, on the channel's event loop. Whatever may fail must be done before: afterwards there is no HTTP error.
    public static func complete(
        _ handshake: StreamHandshake, on channel: any Channel,
        removing: @escaping @Sendable (ChannelPipeline.SynchronousOperations) throws -> [ChannelHandlerContext] = { _ in
            []
        },
        limits: StreamLimits = StreamLimits()
    ) async throws -> StreamConnection {
        try await channel.eventLoop.flatSubmit {
            do { return try switchOver(handshake, channel, removing, limits) } catch {
                return channel.eventLoop.makeFailedFuture(error)
            }
        }.get()
    }

    private static func switchOver(
        _ handshake: StreamHandshake, _ channel: any Channel,
        _ removing: (ChannelPipeline.SynchronousOperations) throws -> [ChannelHandlerContext], _ limits: StreamLimits
    ) throws -> EventLoopFuture<StreamConnection> {
        let pipeline = channel.pipeline.syncOperations
        let headers: HTTPHeaders = [
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Accept": handshake.accept,
            "Sec-WebSocket-Protocol": handshake.protocol.rawValue,
        ]
        let head = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: headers)
        pipeline.write(NIOAny(HTTPServerResponsePart.head(head)), promise: nil)
        pipeline.writeAndFlush(NIOAny(HTTPServerResponsePart.end(nil)), promise: nil)
        var old = try removing(pipeline)
        old += HTTPHandlers.found(in: pipeline)
        let decoder = try pipeline.context(handlerType: ByteToMessageHandler<HTTPRequestDecoder>.self)
        var removed = old.map { pipeline.removeHandler(context: $0) }
        let connection = try StreamConnection(channel, isServer: true, handshake.protocol, limits)
        // Last, because it passes on what came after the request, which are frames already.
        removed.append(pipeline.removeHandler(context: decoder))
        return EventLoopFuture.andAllSucceed(removed, on: channel.eventLoop).map {
            channel.read()
            return connection
        }
    }
}

/// The HTTP handlers NIO puts into a server's pipeline, all but the decoder.
private enum HTTPHandlers {
    static func found(in pipeline: ChannelPipeline.SynchronousOperations) -> [ChannelHandlerContext] {
        // A type that is not there is no error: pipelines differ.
        [
            try? pipeline.context(handlerType: HTTPResponseEncoder.self),
            try? pipeline.context(handlerType: HTTPServerPipelineHandler.self),
            try? pipeline.context(handlerType: HTTPServerProtocolErrorHandler.self),
            try? pipeline.context(handlerType: NIOHTTPResponseHeadersValidator.self),
        ].compactMap { $0 }
    }
}
