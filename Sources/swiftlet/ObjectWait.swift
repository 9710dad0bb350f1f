import APIClient
import Errors
import JSON

/// Waits for one object to be as wanted: listed first, then watched from there.
struct ObjectWait: Sendable {
    let api: APIClient
    let listPath: String
    let name: String

    /// `holds` gets the object as it is now, or nil when there is none. Returns the object for which it held.
    @discardableResult
    func until(_ holds: (JSONValue?) throws -> Bool) async throws -> JSONValue? {
        let query = [(name: "fieldSelector", value: "metadata.name=\(name)")]
        while true {
            let list = try await api.send(.init(.GET, listPath, query: query)).json()
            let first = list["items"]?[0]
            if try holds(first) { return first }
            var last: JSONValue?
            do {
                let version = list[path: "metadata", "resourceVersion"]?.string
                let done = try await api.watch(listPath, query: query, resourceVersion: version) { event in
                    if event.type == "BOOKMARK" { return true }
                    last = event.type == "DELETED" ? nil : event.object
                    return try !holds(last)
                }
                if done { return last }
            } catch let error as SwiftletError where error.code == .outOfRange {
                continue  // the version is too old (410): list again
            }
        }
    }
}

/// Runs `body`, cancelled after `seconds` with an error that says what was waited for; 0 waits for ever.
func withTimeout(_ seconds: Double, _ what: String, _ body: @escaping @Sendable () async throws -> Void) async throws {
    guard seconds > 0 else { return try await body() }
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask(operation: body)
        group.addTask {
            try await Task.sleep(for: .seconds(seconds))
            throw SwiftletError(.deadlineExceeded, "timed out waiting for \(what)")
        }
        try await group.next()
        group.cancelAll()
    }
}
