import Errors
import JSON
import NIOCore

extension APIClient {
    /// One change of a watch.
    public struct WatchEvent: Sendable {
        /// ADDED, MODIFIED, DELETED, BOOKMARK.
        public var type: String
        public var object: JSONValue
    }

    /// Follows a list from `resourceVersion` on until `receive` returns false or the server ends the watch; returns whether
    /// `receive` ended it. An ERROR event is thrown as the Status it carries.
    @discardableResult
    public func watch(
        _ path: String, query: [(name: String, value: String)] = [], resourceVersion: String? = nil,
        accept: String = "application/json", receive: (WatchEvent) async throws -> Bool
    ) async throws -> Bool {
        var query = query + [("watch", "true")]
        if let resourceVersion { query.append(("resourceVersion", resourceVersion)) }
        var rest: [UInt8] = []
        do {
            try await stream(Request(.GET, path, query: query, accept: accept)) { chunk in
                rest += chunk.readableBytesView
                while let end = rest.firstIndex(of: 0x0a) {
                    let line = Array(rest[..<end])
                    rest.removeSubrange(...end)
                    guard !line.isEmpty else { continue }
                    let event = try JSONValue.parse(line)
                    let object = event["object"] ?? .null
                    if event["type"]?.string == "ERROR" {
                        throw serverError(status: Int(object["code"]?.int ?? 500), body: object.serialized())
                    }
                    guard try await receive(WatchEvent(type: event["type"]?.string ?? "", object: object)) else {
                        throw Enough()
                    }
                }
            }
        } catch is Enough {
            return true
        }
        return false
    }

    /// How a receiver's wish to stop leaves the stream.
    private struct Enough: Error {}
}
