import Errors
import Foundation
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import LocalSockets

@Suite(.timeLimit(.minutes(1))) struct LocalSocketTests {
    private let group = MultiThreadedEventLoopGroup.singleton
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func inFolder(_ body: (String) async throws -> Void) async throws {
        let folder = "/tmp/swiftlet-sockets-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder)
    }

    private func serve(
        _ path: String, _ limits: LocalServer.Limits = .init(),
        accept: @escaping @Sendable (any Channel, PeerCredentials) throws -> Void = { _, _ in }
    ) async throws -> LocalServer {
        try await LocalServer.start(
            at: path, limits: limits, group: group, logger: logger, refusal: { Array("refused: \($0.reason)".utf8) },
            accept: accept)
    }

    /// All bytes until the server closes.
    private func read(_ path: String) async throws -> String {
        try await blocking {
            let socket = try LocalSocket.connect(to: path, timeout: .seconds(5))
            var text = ""
            var buffer = [UInt8](repeating: 0, count: 4096)
            while case let count = Glibc.read(socket.raw, &buffer, buffer.count), count > 0 {
                text += String(decoding: buffer[..<count], as: UTF8.self)
            }
            return text
        }
    }

    @Test func theFileIsForItsOwnerAndGoesAway() async throws {
        try await inFolder { folder in
            let path = "\(folder)/a.sock"
            let server = try await serve(path)
            var info = stat()
            #expect(lstat(path, &info) == 0)
            #expect(info.st_mode & 0o777 == 0o600)
            await server.stopAccepting()
            #expect(access(path, F_OK) != 0)
            await server.closeConnections()
        }
    }

    @Test func deadSocketsAreReplacedLiveOnesAreNot() async throws {
        try await inFolder { folder in
            let path = "\(folder)/a.sock"
            // Bound and listening once, and gone without removing its file.
            _ = try LocalSocket.listen(at: path, backlog: 1)
            #expect(access(path, F_OK) == 0)
            let server = try await serve(path)
            let error = await #expect(throws: SwiftletError.self) { _ = try await serve(path) }
            #expect(error?.code == .alreadyExists)
            #expect(error?.description.contains("live process") == true)
            #expect(error?.object.contains(path) == true)
            await server.stopAccepting()
        }
    }

    @Test func otherFilesAreNotRemoved() async throws {
        try await inFolder { folder in
            let path = "\(folder)/a.sock"
            try "precious".write(toFile: path, atomically: false, encoding: .utf8)
            let error = await #expect(throws: SwiftletError.self) { _ = try await serve(path) }
            #expect(error?.code == .alreadyExists)
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
        }
    }

    @Test func longPathsAndMissingFoldersAreNamed() async throws {
        for (path, code) in [
            ("/tmp/" + String(repeating: "x", count: 200), SwiftletError.Code.invalidArgument),
            ("/tmp/swiftlet-no-such-folder/a.sock", .unavailable), ("", .invalidArgument),
        ] {
            let error = await #expect(throws: SwiftletError.self) { _ = try await serve(path) }
            #expect(error?.code == code)
        }
    }

    @Test func peersOfOtherUsersAreTurnedAway() async throws {
        try await inFolder { folder in
            let path = "\(folder)/a.sock"
            let server = try await serve(path, .init(users: [geteuid() + 1]))
            #expect(try await read(path).contains("refused: user \(geteuid()) (process \(getpid()))"))
            await server.stopAccepting()
        }
    }

    @Test func connectionsAreCounted() async throws {
        try await inFolder { folder in
            let path = "\(folder)/a.sock"
            let server = try await serve(path, .init(connections: 2))
            let first = try await LocalClient.connect(to: path, group: group) { _ in }
            let second = try await LocalClient.connect(to: path, group: group) { _ in }
            #expect(try await read(path).contains("2 connections are open"))
            try await first.close()
            try await second.close()
            await server.stopAccepting()
            await server.closeConnections()
            #expect(server.connectionCount == 0)
        }
    }

    @Test func descriptorsAreCloseOnExec() async throws {
        try await inFolder { folder in
            let path = "\(folder)/a.sock"
            let (peers, seen) = AsyncStream.makeStream(of: Int32.self)
            let server = try await serve(path) { channel, peer in
                #expect(peer == PeerCredentials(pid: getpid(), uid: geteuid(), gid: getegid()))
                let flags = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable {
                    (descriptor: NIOBSDSocket.Handle) in fcntl(descriptor, F_GETFD)
                }
                seen.yield(flags ?? 0)
            }
            let client = try await LocalClient.connect(to: path, group: group) { channel in
                let flags = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable {
                    (descriptor: NIOBSDSocket.Handle) in fcntl(descriptor, F_GETFD)
                }
                #expect(flags == FD_CLOEXEC)
            }
            var iterator = peers.makeAsyncIterator()
            #expect(await iterator.next() == FD_CLOEXEC)
            try await client.close()
            await server.stopAccepting()
            await server.closeConnections()
        }
    }
}
