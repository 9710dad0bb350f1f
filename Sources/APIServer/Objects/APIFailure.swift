import Errors
import KubeAPI

/// A request that failed, as the Kubernetes API says it.
struct APIFailure: Error, Sendable {
    var status: Status

    var code: Int { Int(status.code ?? 500) }

    init(_ code: Int32, _ reason: String, _ message: String) {
        status = Status(message: message, reason: reason, code: code)
    }

    private init(_ code: Int32, _ reason: String, _ message: String, kind: String, name: String) {
        self.init(code, reason, message)
        var details = StatusDetails()
        details.kind = kind
        details.name = name
        status.details = details
    }

    static func notFound(_ key: ObjectKey) -> APIFailure {
        let name = printable(key.name)
        let plural = key.resource.plural
        return APIFailure(404, "NotFound", "\(plural) \"\(name)\" not found", kind: plural, name: name)
    }

    static func noSuchPath() -> APIFailure {
        APIFailure(404, "NotFound", "the server could not find the requested resource")
    }

    static func alreadyExists(_ key: ObjectKey) -> APIFailure {
        let plural = key.resource.plural
        return APIFailure(
            409, "AlreadyExists", "\(plural) \"\(key.name)\" already exists", kind: plural, name: key.name)
    }

    static func conflict(_ key: ObjectKey, _ why: String) -> APIFailure {
        let plural = key.resource.plural
        return APIFailure(
            409, "Conflict", "Operation cannot be fulfilled on \(plural) \"\(printable(key.name))\": \(why)",
            kind: plural,
            name: printable(key.name))
    }

    static func forbidden(_ key: ObjectKey, _ why: String) -> APIFailure {
        let plural = key.resource.plural
        return APIFailure(
            403, "Forbidden", "\(plural) \"\(printable(key.name))\" is forbidden: \(why)", kind: plural,
            name: printable(key.name))
    }

    static func badRequest(_ why: String) -> APIFailure { APIFailure(400, "BadRequest", why) }

    static func expired(_ version: Int64, oldest: Int64) -> APIFailure {
        APIFailure(410, "Expired", "too old resource version: \(version) (\(oldest))")
    }

    static func methodNotAllowed() -> APIFailure {
        APIFailure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    }

    static func unsupportedMediaType(_ type: String, _ supported: [String]) -> APIFailure {
        APIFailure(
            415, "UnsupportedMediaType",
            "the body of the request was in an unknown format (\(printable(type))) - accepted media types include: "
                + supported.joined(separator: ", "))
    }

    static func tooLarge(_ limit: Int) -> APIFailure {
        APIFailure(413, "RequestEntityTooLarge", "limit is \(limit) bytes")
    }

    /// 400 when the document itself cannot be read strictly, 422 when it can and its object is not valid.
    static func refused(_ kind: String, _ name: String, _ faults: [Fault]) -> APIFailure {
        let texts = faults.map(\.description)
        let structural = faults.contains(where: \.isStructural)
        let all = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
        let shown = printable(name)
        var failure =
            structural
            ? APIFailure(
                400, "BadRequest",
                "\(kind) in version \"v1\" cannot be handled as a \(kind): strict decoding error: \(texts.joined(separator: ", "))",
                kind: kind, name: shown)
            : APIFailure(422, "Invalid", "\(kind) \"\(shown)\" is invalid: \(all)", kind: kind, name: shown)
        failure.status.details?.causes = faults.map { fault in
            StatusCause(reason: fault.reason.rawValue, message: fault.message, field: fault.path)
        }
        return failure
    }
}

extension APIFailure {
    /// Any error as the answer to a request.
    init(_ error: any Error) {
        if let failure = error as? APIFailure {
            self = failure
            return
        }
        let error = SwiftletError.wrapping(error)
        let (code, reason): (Int32, String) =
            switch error.code {
            case .notFound: (404, "NotFound")
            case .alreadyExists: (409, "AlreadyExists")
            case .invalidArgument, .outOfRange: (400, "BadRequest")
            case .failedPrecondition, .aborted: (409, "Conflict")
            case .permissionDenied: (403, "Forbidden")
            case .unauthenticated: (401, "Unauthorized")
            case .resourceExhausted: (429, "TooManyRequests")
            case .deadlineExceeded: (504, "Timeout")
            case .unavailable, .cancelled: (503, "ServiceUnavailable")
            case .unimplemented: (501, "NotImplemented")
            case .unknown, .internal, .dataLoss: (500, "InternalError")
            }
        self.init(code, reason, error.description)
    }

    /// The same for callers inside the process.
    func asSwiftletError() -> SwiftletError {
        let code: SwiftletError.Code =
            switch self.code {
            case 400, 413, 415, 422: .invalidArgument
            case 403: .permissionDenied
            case 404: .notFound
            case 409: status.reason == "AlreadyExists" ? .alreadyExists : .failedPrecondition
            case 410: .outOfRange
            case 429: .resourceExhausted
            case 503: .unavailable
            case 504: .deadlineExceeded
            default: .internal
            }
        let causes = (status.details?.causes ?? []).map { "\($0.field ?? ""): \($0.message ?? "")" }
        return SwiftletError(code, status.message ?? "failed", notes: causes)
    }
}
