import Errors
import JSON

/// One request of `images.sock`, a JSON-RPC 2.0 line.
struct ImageRequest {
    let id: JSONValue
    let method: String
    let params: ImageParameters

    /// `id` is set as soon as it is known, for the error's sake. Errors: `invalidArgument`.
    init(_ line: [UInt8], id known: inout JSONValue) throws(SwiftletError) {
        let request = try JSONValue.parse(line)
        switch request["id"] {
        case .some(.string), .some(.int): known = request["id"] ?? .null
        default: throw .invalid("the request has no id that is a string or a whole number")
        }
        guard request["jsonrpc"]?.string == "2.0", let method = request["method"]?.string else {
            throw .invalid("the line is no JSON-RPC 2.0 request")
        }
        id = known
        self.method = method
        let value = request["params"] ?? [:]
        guard let members = value.object else { throw .invalid("params must be an object, not \(value.kind)") }
        params = ImageParameters(members: members.filter { !$0.value.isNull })
    }
}
