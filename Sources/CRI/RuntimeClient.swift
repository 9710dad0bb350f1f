import Errors
import JSON
import NIOCore
import NIOPosix
import SwiftProtobuf

/// The runtime and image services over `runtime.sock`.
///
/// Connects at the first call and anew at the next call after the connection was lost. Calls run at the same time over one
/// connection. Cancelling the caller's task, or the deadline, cancels the request in the server. Errors of the service
/// arrive as it threw them; `unavailable` means that nobody listens, or that the connection broke before the answer came.
public struct RuntimeClient: Sendable {
    private let link: ClientLink
    private let deadline: Duration?

    /// `deadline` is for every call, nil for none; streams have none.
    public init(
        socketPath: String, deadline: Duration? = nil,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) {
        link = ClientLink(socketPath, group)
        self.deadline = deadline
    }

    private init(link: ClientLink, deadline: Duration?) {
        self.link = link
        self.deadline = deadline
    }

    /// The same connection with another deadline.
    public func with(deadline: Duration?) -> RuntimeClient { RuntimeClient(link: link, deadline: deadline) }

    /// Any method, by hand.
    public func call(method: String, params: JSONValue?) async throws -> JSONValue {
        try await link.connection().call(method, params?.serialized() ?? Array("{}".utf8), deadline)
    }

    /// Any stream method, by hand. A reader that lags too far behind gets `resourceExhausted`.
    public func subscribe(method: String, params: JSONValue?) -> AsyncThrowingStream<JSONValue, any Error> {
        stream(method, { params?.serialized() ?? Array("{}".utf8) }, { $0 })
    }

    /// Closes the connection; calls in flight fail. A later call connects again.
    public func close() async { await link.close() }

    func call<S, Q: Message, A: Message>(_ rpc: UnaryRPC<S, Q, A>, _ request: Q) async throws -> A {
        let result = try await link.connection().call(rpc.name, ProtoJSON.encode(request), deadline)
        return try ProtoJSON.decodeResponse(A.self, result)
    }

    func subscribe<S, Q: Message, A: Message>(
        _ rpc: StreamRPC<S, Q, A>, _ request: Q
    ) -> AsyncThrowingStream<A, any Error> {
        stream(rpc.name, { try ProtoJSON.encode(request) }, { try ProtoJSON.decodeResponse(A.self, $0) })
    }

    private func stream<Element: Sendable>(
        _ method: String, _ params: @escaping @Sendable () throws -> [UInt8],
        _ decode: @escaping @Sendable (JSONValue) throws -> Element
    ) -> AsyncThrowingStream<Element, any Error> {
        let link = link
        return AsyncThrowingStream(bufferingPolicy: .bufferingOldest(4096)) { continuation in
            let opening = Task {
                do {
                    let connection = try await link.connection()
                    try await connection.stream(method, params()) { event in
                        switch event {
                        case .element(let value):
                            do {
                                if case .dropped = continuation.yield(try decode(value)) {
                                    throw SwiftletError(
                                        .resourceExhausted, "the reader lags too far behind", operation: "read",
                                        object: method, hint: "subscribe again after listing")
                                }
                                return true
                            } catch {
                                continuation.finish(throwing: error)
                                return false
                            }
                        case .end(let error):
                            continuation.finish(throwing: error)
                            return false
                        }
                    } onOpen: { cancel in
                        continuation.onTermination = { _ in cancel() }
                    }
                } catch { continuation.finish(throwing: error) }
            }
            continuation.onTermination = { _ in opening.cancel() }
        }
    }
}
