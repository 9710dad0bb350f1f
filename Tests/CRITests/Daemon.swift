import Errors
import Foundation
import JSON
import Logging
import Testing

@testable import CRI

/// A JSON-RPC server of a test's own, in a folder of its own, with an echo service and a client.
struct Daemon: Sendable {
    let path: String
    let service = EchoService()
    let client: RuntimeClient

    static func with(
        _ limits: JSONRPCServer.Limits = .init(), extra: @Sendable (inout MethodTable) -> Void = { _ in },
        _ body: (Daemon) async throws -> Void
    ) async throws {
        let folder = "/tmp/swiftlet-cri-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let daemon = Daemon(path: "\(folder)/runtime.sock")
        let server = try await daemon.start(limits, extra)
        do { try await body(daemon) } catch {
            await server.shutdown(grace: .zero)
            throw error
        }
        await daemon.client.close()
        await server.shutdown(grace: .seconds(10))
    }

    private init(path: String) {
        self.path = path
        client = RuntimeClient(socketPath: path)
    }

    func start(
        _ limits: JSONRPCServer.Limits = .init(), _ extra: @Sendable (inout MethodTable) -> Void = { _ in }
    ) async throws -> JSONRPCServer {
        var methods = MethodTable()
        methods.serve(service as any RuntimeService)
        methods.serve(service as any ImageService)
        extra(&methods)
        return try await JSONRPCServer.start(
            at: path, methods: methods, limits: limits, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    func wire() throws -> Wire { try Wire(path) }
}

/// A bare connection: what a hostile client would use.
final class Wire: Sendable {
    private let socket: Int32

    init(_ path: String) throws {
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let rc = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard rc == 0 else { throw SwiftletError(.unavailable, "connect", errno: errno) }
    }

    deinit { close(socket) }

    /// How many bytes went out before the peer hung up.
    @discardableResult
    func send(_ bytes: [UInt8]) async -> Int {
        await onThread { [socket] in
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                if count <= 0 { break }
                sent += count
            }
            return sent
        }
    }

    @discardableResult
    func send(_ text: String) async -> Int { await send(Array(text.utf8)) }

    func finishSending() { shutdown(socket, Int32(SHUT_WR)) }

    /// The next line; nil when the peer has hung up.
    func line() async -> JSONValue? {
        let bytes = await onThread { [socket] in
            var line: [UInt8] = []
            var byte: UInt8 = 0
            while recv(socket, &byte, 1, 0) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
            return line
        }
        return bytes.isEmpty ? nil : try? JSONValue.parse(bytes)
    }

    private func onThread<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: body()) }
        }
    }
}
