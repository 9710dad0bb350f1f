import Errors
import JSON

/// Errors of `images.sock`.
enum ImageErrorForm {
    /// JSON-RPC's error object, in the form that runtime.sock has.
    static func object(_ error: SwiftletError) -> JSONValue {
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
