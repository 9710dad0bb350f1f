import Errors
import JSON

/// The form of `JSONRPCError` for sockets that speak JSON-RPC without this room's server (`images.sock`, which passes
/// descriptors).
extension SwiftletError {
    /// The `error` member of a response.
    public var jsonRPC: JSONValue { JSONRPCError(self).json }

    public init(jsonRPC json: JSONValue) { self = JSONRPCError(json: json).error }
}
