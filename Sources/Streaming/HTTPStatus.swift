import Errors
import JSON

/// The Kubernetes Status objects of this endpoint, both ways, and the HTTP codes that go with them.
enum HTTPStatus {
    private static let table: [(SwiftletError.Code, Int64, String)] = [
        (.invalidArgument, 400, "BadRequest"), (.unauthenticated, 401, "Unauthorized"),
        (.permissionDenied, 403, "Forbidden"), (.notFound, 404, "NotFound"), (.alreadyExists, 409, "AlreadyExists"),
        (.failedPrecondition, 409, "Conflict"), (.aborted, 409, "Conflict"), (.outOfRange, 410, "Expired"),
        (.resourceExhausted, 429, "TooManyRequests"), (.unimplemented, 501, "NotImplemented"),
        (.unavailable, 503, "ServiceUnavailable"), (.deadlineExceeded, 504, "Timeout"),
        (.internal, 500, "InternalError"),
    ]

    static func json(_ error: SwiftletError) -> JSONValue {
        let (_, code, reason) = table.first { $0.0 == error.code } ?? (error.code, 500, "InternalError")
        return [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure",
            "message": .string(error.description), "reason": .string(reason), "code": .int(code),
        ]
    }

    /// `fallback` is the HTTP code, for answers whose body is no Status.
    static func error(_ json: JSONValue, httpCode fallback: Int64 = 500) -> SwiftletError {
        let number = json["code"]?.int ?? fallback
        let reason = json["reason"]?.string
        let code =
            table.first { $0.2 == reason && $0.1 == number } ?? table.first { $0.2 == reason }
            ?? table.first { $0.1 == number }
        return SwiftletError(
            code?.0 ?? .unknown, json["message"]?.string ?? "the server answered with HTTP status \(number)")
    }
}
