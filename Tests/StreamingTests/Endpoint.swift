import Errors
import Foundation
import Logging
import Streaming
import Testing

/// A streaming endpoint of a test's own, in a folder of its own.
final class Endpoint: Sendable {
    let folder: String
    let server: StreamingServer

    init(limits: StreamLimits = StreamLimits()) async throws {
        folder = "/tmp/swiftlet-streaming-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        server = try await StreamingServer.start(
            at: "\(folder)/streaming.sock", limits: limits,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// A client's session with `handler` at the other end.
    func session(
        _ protocols: [StreamProtocol], _ handler: @escaping StreamHandler
    ) async throws -> ClientSession {
        try await StreamClient.open(to: StreamTarget(url: server.register(.exec, handler)), protocols: protocols)
    }

    func session(_ handler: @escaping StreamHandler) async throws -> ClientSession {
        try await session([.v5, .v4], handler)
    }

    func with<T>(_ body: (Endpoint) async throws -> T) async throws -> T {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        do {
            let value = try await body(self)
            await server.shutdown()
            return value
        } catch {
            await server.shutdown()
            throw error
        }
    }
}

/// Resumes who waits once something has happened.
actor Signal {
    private var happened = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func set() {
        happened = true
        for continuation in waiting { continuation.resume() }
        waiting = []
    }

    func wait() async {
        if happened { return }
        await withCheckedContinuation { waiting.append($0) }
    }
}

/// Gives stdin back on stdout until it ends.
let echo: StreamHandler = { session in
    for try await bytes in session.stdin { try await session.write(bytes, to: .stdout) }
    return .success
}

func collect(_ session: ClientSession) async throws -> (stdout: [UInt8], stderr: [UInt8]) {
    var (out, err): ([UInt8], [UInt8]) = ([], [])
    for try await (channel, bytes) in session.output {
        if channel == .stdout { out += bytes } else { err += bytes }
    }
    return (out, err)
}
