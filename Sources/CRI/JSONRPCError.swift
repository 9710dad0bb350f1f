import Errors
import JSON

/// An error as JSON-RPC 2.0 carries it, and the one place where it and `SwiftletError` become each other.
///
/// Errors of the protocol keep the specification's codes. Ours are `-32000` minus the gRPC status number (NotFound, 5, is
/// -32005), with the parts in `data`, so that a client gets back what the service threw.
struct JSONRPCError: Error, Equatable {
    static let parseError: Int64 = -32700
    static let invalidRequest: Int64 = -32600
    static let methodNotFound: Int64 = -32601
    static let invalidParams: Int64 = -32602
    static let internalError: Int64 = -32603

    var code: Int64
    var error: SwiftletError

    init(_ code: Int64, _ error: SwiftletError) {
        self.code = code
        self.error = error
    }

    init(_ error: SwiftletError) { self.init(-32000 - error.code.grpcNumber, error) }

    var json: JSONValue {
        var data: [String: JSONValue] = ["code": .string(error.code.grpcName), "reason": .string(error.reason)]
        if !error.operation.isEmpty { data["operation"] = .string(error.operation) }
        if !error.object.isEmpty { data["object"] = .string(error.object) }
        if let number = error.errno { data["errno"] = .int(Int64(number)) }
        if let hint = error.hint { data["hint"] = .string(hint) }
        if !error.notes.isEmpty { data["notes"] = .array(error.notes.map { .string($0) }) }
        return ["code": .int(code), "message": .string(error.message), "data": .object(data)]
    }

    /// What a server sent, back as an error; servers other than ours need not send `data`.
    init(json: JSONValue) {
        code = json["code"]?.int ?? Self.internalError
        let number = -32000 - code
        let data = json["data"]
        let named = data?["code"]?.string.flatMap { name in
            SwiftletError.Code.allCases.first { $0.grpcName == name }
        }
        let fallback: SwiftletError.Code =
            switch code {
            case Self.parseError, Self.invalidRequest, Self.invalidParams: .invalidArgument
            case Self.methodNotFound: .unimplemented
            case Self.internalError: .internal
            default: SwiftletError.Code.allCases.first { $0.grpcNumber == number } ?? .unknown
            }
        error = SwiftletError(
            named ?? fallback,
            data?["reason"]?.string ?? json["message"]?.string ?? "error \(code) without a message",
            operation: data?["operation"]?.string ?? "", object: data?["object"]?.string ?? "",
            errno: data?["errno"]?.int.flatMap { Int32(exactly: $0) }, hint: data?["hint"]?.string,
            notes: data?["notes"]?.array?.compactMap(\.string) ?? [])
    }
}

extension SwiftletError.Code {
    /// The numbers of gRPC's status codes.
    var grpcNumber: Int64 {
        switch self {
        case .cancelled: 1
        case .unknown: 2
        case .invalidArgument: 3
        case .deadlineExceeded: 4
        case .notFound: 5
        case .alreadyExists: 6
        case .permissionDenied: 7
        case .resourceExhausted: 8
        case .failedPrecondition: 9
        case .aborted: 10
        case .outOfRange: 11
        case .unimplemented: 12
        case .internal: 13
        case .unavailable: 14
        case .dataLoss: 15
        case .unauthenticated: 16
        }
    }

    /// `NotFound`, `InvalidArgument`.
    var grpcName: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }
}
