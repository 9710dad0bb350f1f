import Errors
import JSON
import SwiftProtobuf

/// One entry of a method table: an RPC of `Service` by its CRI name, able to serve JSON parameters.
public protocol RPC<Service>: Sendable {
    associatedtype Service: Sendable
    /// As CRI spells it: `RunPodSandbox`.
    var name: String { get }
    /// The RPC bound to a service, for a server.
    func method(of service: Service) -> ServedMethod
}

/// A method a JSON-RPC server offers. The bytes given back are one JSON value without line breaks.
public enum ServedMethod: Sendable {
    case unary(@Sendable (JSONValue?) async throws -> [UInt8])
    case stream(@Sendable (JSONValue?) throws -> ServedStream)
}

/// Gives every element of a stream to its argument, waiting for it each time; returns when the stream ends.
public typealias ServedStream = @Sendable (_ each: @Sendable ([UInt8]) async throws -> Void) async throws -> Void

/// A request and its one response.
public struct UnaryRPC<Service: Sendable, Request: Message, Response: Message>: RPC {
    public let name: String
    let serve: @Sendable (Service, Request) async throws -> Response

    init(_ name: String, _ serve: @escaping @Sendable (Service, Request) async throws -> Response) {
        self.name = name
        self.serve = serve
    }

    public func method(of service: Service) -> ServedMethod {
        .unary { params in
            let response = try await serve(service, ProtoJSON.decode(Request.self, params))
            return try ProtoJSON.encode(response)
        }
    }
}

/// A request and a stream of responses.
public struct StreamRPC<Service: Sendable, Request: Message, Response: Message>: RPC {
    public let name: String
    let serve: @Sendable (Service, Request) -> AsyncThrowingStream<Response, any Error>

    init(_ name: String, _ serve: @escaping @Sendable (Service, Request) -> AsyncThrowingStream<Response, any Error>) {
        self.name = name
        self.serve = serve
    }

    public func method(of service: Service) -> ServedMethod {
        .stream { params in
            let responses = serve(service, try ProtoJSON.decode(Request.self, params))
            return { each in for try await response in responses { try await each(ProtoJSON.encode(response)) } }
        }
    }
}
