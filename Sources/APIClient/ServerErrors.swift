import Errors
import JSON

/// A Status object of the Kubernetes API as our error, worded as kubectl words it.
func serverError(status: Int, body: [UInt8]) -> SwiftletError {
    let document = try? JSONValue.parse(body)
    let reason = document?["reason"]?.string ?? ""
    let message =
        document?["message"]?.string ?? printable(String(decoding: body.prefix(1024), as: UTF8.self), limit: 1024)
    var error = SwiftletError(
        code(status: status, reason: reason), message.isEmpty ? "HTTP status \(status)" : message,
        operation: reason.isEmpty ? "Error from server" : "Error from server (\(printable(reason)))")
    let causes = document?[path: "details", "causes"]?.array ?? []
    error.notes = causes.compactMap { cause in
        guard let field = cause["field"]?.string, let text = cause["message"]?.string else { return nil }
        // A message usually names its causes itself.
        return message.contains(text) ? nil : "\(field): \(text)"
    }
    return error
}

private func code(status: Int, reason: String) -> SwiftletError.Code {
    switch (status, reason) {
    case (_, "AlreadyExists"): .alreadyExists
    case (400, _), (422, _), (405, _), (406, _), (415, _), (413, _): .invalidArgument
    case (401, _): .unauthenticated
    case (403, _): .permissionDenied
    case (404, _): .notFound
    case (409, _): .aborted
    case (410, _): .outOfRange
    case (429, _): .resourceExhausted
    case (501, _): .unimplemented
    case (503, _): .unavailable
    case (504, _): .deadlineExceeded
    default: .internal
    }
}

/// The text of a `Warning: 299 - "…"` header (RFC 7234, section 5.5).
func warningText(_ header: String) -> String {
    guard let open = header.firstIndex(of: "\""), let close = header.lastIndex(of: "\""), open < close else {
        return header
    }
    return String(header[header.index(after: open)..<close]).replacing("\\\"", with: "\"").replacing("\\\\", with: "\\")
}
