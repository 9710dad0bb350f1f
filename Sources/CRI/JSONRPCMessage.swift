import Errors
import JSON

/// A request or notification as it came, checked against JSON-RPC 2.0 section 4.
struct JSONRPCRequest {
    /// nil for a notification, which gets no reply.
    var id: JSONValue?
    var method: String
    var params: JSONValue?

    /// On failure `id` is what the reply must carry: the request's when it has a usable one, otherwise null.
    static func read(_ value: JSONValue) -> Result<JSONRPCRequest, Refused> {
        guard case .object(let members) = value else {
            return .failure(.init(id: .null, "a request is a JSON object, not \(value.kind)"))
        }
        let id = members["id"]
        switch id {
        case nil, .null, .string, .int, .double: break
        default: return .failure(.init(id: .null, "id must be a string, a number or null"))
        }
        guard members["jsonrpc"]?.string == "2.0" else {
            return .failure(.init(id: id ?? .null, "the member jsonrpc must be the string 2.0"))
        }
        guard let method = members["method"]?.string else {
            return .failure(.init(id: id ?? .null, "the member method must be a string"))
        }
        switch members["params"] {
        case nil, .object, .array: break
        default: return .failure(.init(id: id ?? .null, "params must be an object or an array"))
        }
        return .success(JSONRPCRequest(id: id, method: method, params: members["params"]))
    }

    struct Refused: Error {
        var id: JSONValue
        var error: JSONRPCError

        init(id: JSONValue, _ reason: String) {
            self.id = id
            error = JSONRPCError(
                JSONRPCError.invalidRequest,
                .invalid(
                    reason, object: "request",
                    hint: #"send {"jsonrpc":"2.0","id":1,"method":"Version","params":{}} on one line"#))
        }
    }
}

/// Lines of JSON-RPC, made from parts already serialised.
enum JSONRPCLine {
    static func request(id: Int64?, method: String, params: [UInt8]) -> [UInt8] {
        var line = Array(#"{"jsonrpc":"2.0","#.utf8)
        if let id { line += Array(#""id":\#(id),"#.utf8) }
        line += Array(#""method":"#.utf8)
        line += JSONValue.string(method).serialized()
        line += Array(#","params":"#.utf8)
        line += params
        line += Array("}\n".utf8)
        return line
    }

    static func result(id: JSONValue, _ result: [UInt8]) -> [UInt8] {
        Array(#"{"jsonrpc":"2.0","id":"#.utf8) + id.serialized() + Array(#","result":"#.utf8) + result
            + Array("}\n".utf8)
    }

    static func error(id: JSONValue, _ error: JSONRPCError) -> [UInt8] {
        JSONValue.object(["jsonrpc": "2.0", "id": id, "error": error.json]).serialized() + [newline]
    }

    /// A notification of a stream: `kind` is result, error or end.
    static func event(_ method: String, subscription: JSONValue, _ kind: String, _ value: [UInt8]) -> [UInt8] {
        request(
            id: nil, method: method,
            params: Array(#"{"subscription":"#.utf8) + subscription.serialized() + Array(#","\#(kind)":"#.utf8) + value
                + Array("}".utf8))
    }

    static let newline = UInt8(ascii: "\n")
}
