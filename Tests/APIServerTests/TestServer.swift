import Foundation
import JSON
import KubeAPI
import Logging
import NIOHTTP1
import Synchronization

@testable import APIServer

/// A clock that tests move.
final class TestClock: Sendable {
    private let value = Mutex(Timestamp(seconds: 1_800_000_000))
    func now() -> Timestamp { value.withLock { $0 } }
    func advance(_ seconds: Int64) { value.withLock { $0 = $0 + seconds } }
}

/// A server with a folder of its own.
struct TestServer {
    let folder: String
    let runtime = FakeRuntime()
    let clock = TestClock()
    let server: APIServer
    var socket: String { folder + "/api.sock" }

    init(folder: String? = nil) async throws {
        let folder = folder ?? Self.makeFolder()
        self.folder = folder
        server = try await APIServer.open(
            socketPath: folder + "/api.sock", databasePath: folder + "/state.db", runtime: runtime, nodeName: "node1",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: clock.now)
        try await server.start()
    }

    static func makeFolder() -> String {
        let folder = "/tmp/swiftlet-api-\(Identifiers.generated(""))"
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    func stop() async {
        await server.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    func request(
        _ method: HTTPMethod, _ uri: String, _ body: JSONValue? = nil, type: String = "application/json",
        accept: String? = nil
    ) async throws -> TestResponse {
        var headers: HTTPHeaders = body == nil ? [:] : ["Content-Type": type]
        if let accept { headers.add(name: "Accept", value: accept) }
        return try await HTTPTestClient.send(socket, method, uri, body?.serialized() ?? [], headers: headers)
    }

    func json(
        _ method: HTTPMethod, _ uri: String, _ body: JSONValue? = nil, type: String = "application/json",
        accept: String? = nil
    ) async throws -> (status: Int, body: JSONValue) {
        let response = try await request(method, uri, body, type: type, accept: accept)
        return (response.status, try await response.json())
    }

    static let pods = "/api/v1/namespaces/default/pods"

    static func pod(_ name: String, _ changes: JSONValue = [:]) -> JSONValue {
        MergePatch.apply(
            changes,
            to: [
                "apiVersion": "v1", "kind": "Pod", "metadata": ["name": .string(name)],
                "spec": ["containers": [["name": "c", "image": "busybox:1"]]],
            ])
    }
}

/// Runs a test against a server that is stopped afterwards.
func withServer(_ body: (TestServer) async throws -> Void) async throws {
    let server = try await TestServer()
    do { try await body(server) } catch {
        await server.stop()
        throw error
    }
    await server.stop()
}
