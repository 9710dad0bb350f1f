import Errors
import ImageStore
import JSON
import OCI

/// The request line of `images.sock`: JSON-RPC 2.0, `LoadImage {platform?, name?}`.
enum ImageRequest {
    /// `id` is set as soon as it is known, for the error's sake. Errors: `invalidArgument`, `unimplemented`.
    static func parse(_ line: [UInt8], id: inout JSONValue) throws(SwiftletError) -> (JSONValue, LoadOptions) {
        let request = try JSONValue.parse(line)
        switch request["id"] {
        case .some(.string), .some(.int): id = request["id"] ?? .null
        default: throw .invalid("the request has no id that is a string or a whole number")
        }
        guard request["jsonrpc"]?.string == "2.0", let method = request["method"]?.string else {
            throw .invalid("the line is no JSON-RPC 2.0 request")
        }
        guard method == "LoadImage" else {
            throw SwiftletError(
                .unimplemented, "there is no method \"\(printable(method, limit: 64))\" here",
                hint: "LoadImage is the only one")
        }
        var options = LoadOptions()
        guard let params = request["params"] else { return (id, options) }
        guard let members = params.object else { throw .invalid("params must be an object, not \(params.kind)") }
        for (name, value) in members.sorted(by: { $0.key < $1.key }) where !value.isNull {
            guard let text = value.string else {
                throw .invalid("params.\(printable(name, limit: 64)) must be a string, not \(value.kind)")
            }
            switch name {
            case "platform": options.platform = try Platform(parsing: text)
            case "name": options.name = text
            default:
                throw .invalid("params.\(printable(name, limit: 64)) is unknown", hint: "platform and name are known")
            }
        }
        return (id, options)
    }

    /// JSON-RPC's error object, in the form that runtime.sock has.
    static func errorObject(_ error: SwiftletError) -> JSONValue {
        let number = SwiftletError.Code.grpcOrder.firstIndex(of: error.code) ?? 1
        let code = error.code.rawValue
        var data: JSONValue = [
            "code": .string(code.prefix(1).uppercased() + code.dropFirst()), "operation": .string(error.operation),
            "object": .string(error.object), "reason": .string(error.reason),
            "notes": .array(error.notes.map { .string($0) }),
        ]
        if let number = error.errno { data["errno"] = .int(Int64(number)) }
        if let hint = error.hint { data["hint"] = .string(hint) }
        return .object([
            "code": .int(Int64(-32000 - number)), "message": .string(error.message), "data": data,
        ])
    }
}

extension SwiftletError.Code {
    /// gRPC's numbers are the places in this list; 0 is OK.
    fileprivate static let grpcOrder: [SwiftletError.Code?] = [
        nil, .cancelled, .unknown, .invalidArgument, .deadlineExceeded, .notFound, .alreadyExists, .permissionDenied,
        .resourceExhausted, .failedPrecondition, .aborted, .outOfRange, .unimplemented, .internal, .unavailable,
        .dataLoss, .unauthenticated,
    ]
}
