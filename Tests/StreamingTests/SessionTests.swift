import Errors
import Synchronization
import Testing

@testable import Streaming

@Suite(.timeLimit(.minutes(2))) struct SessionTests {
    @Test func echoesAndHalfCloses() async throws {
        try await Endpoint().with { endpoint in
            let session = try await endpoint.session(echo)
            #expect(session.protocol == .v5)
            try await session.write(Array("hello ".utf8))
            try await session.write(Array("world".utf8))
            try await session.closeStdin()
            #expect(try await collect(session).stdout == Array("hello world".utf8))
            #expect(try await session.result() == .success)
        }
    }

    @Test(arguments: [
        StreamResult.success, .exit(3), .exit(137), .failure(SwiftletError(.unknown, "the shim is gone")),
        .failure(SwiftletError(.notFound, "not found", object: "container x")),
    ])
    func passesTheResultOn(result: StreamResult) async throws {
        try await Endpoint().with { endpoint in
            let session = try await endpoint.session { session in
                try await session.write(Array("out".utf8), to: .stdout)
                try await session.write(Array("err".utf8), to: .stderr)
                return result
            }
            let (out, err) = try await collect(session)
            #expect(out == Array("out".utf8))
            #expect(err == Array("err".utf8))
            switch (try await session.result(), result) {
            case (.failure(let got), .failure(let sent)): #expect(got.description == sent.description)
            case (let got, let sent): #expect(got == sent)
            }
        }
    }

    @Test func aThrownErrorIsAFailure() async throws {
        try await Endpoint().with { endpoint in
            let session = try await endpoint.session { _ in throw SwiftletError(.internal, "no pty") }
            guard case .failure(let error) = try await session.result() else {
                Issue.record("no failure")
                return
            }
            #expect(error.reason == "no pty")
            #expect(error.code == .internal)
        }
    }

    @Test func resizesArrive() async throws {
        try await Endpoint().with { endpoint in
            let session = try await endpoint.session { session in
                for await size in session.resizes {
                    try await session.write(Array("\(size.width)x\(size.height)".utf8), to: .stdout)
                    return .success
                }
                return .exit(1)
            }
            try await session.resize(TerminalSize(width: 132, height: 43))
            #expect(try await collect(session).stdout == Array("132x43".utf8))
            #expect(try await session.result() == .success)
        }
    }

    /// A session that does not read stdin still learns of sizes.
    @Test func resizesPassAFullStdin() async throws {
        try await Endpoint().with { endpoint in
            let session = try await endpoint.session { session in
                for await _ in session.resizes { return .success }
                return .exit(1)
            }
            try await session.write([UInt8](repeating: 1, count: 100 << 10))
            try await session.resize(TerminalSize(width: 80, height: 24))
            #expect(try await session.result() == .success)
        }
    }

    @Test func aSlowReaderSlowsTheSender() async throws {
        let total = 50 << 20
        try await Endpoint().with { endpoint in
            let sent = Mutex(0)
            let session = try await endpoint.session { session in
                let chunk = (0..<(256 << 10)).map { UInt8(truncatingIfNeeded: $0 % 251) }
                for _ in 0..<(total / chunk.count) {
                    try await session.write(chunk, to: .stdout)
                    sent.withLock { $0 += chunk.count }
                }
                return .success
            }
            var received = 0
            var furthest = 0
            for try await (_, bytes) in session.output {
                received += bytes.count
                furthest = max(furthest, sent.withLock { $0 } - received)
            }
            #expect(received == total)
            // Two sockets' buffers and the marks of both ends; far less than what was sent.
            #expect(furthest < 4 << 20)
            #expect(try await session.result() == .success)
        }
    }

    @Test func aReaderThatStopsHoldsTheSender() async throws {
        try await Endpoint().with { endpoint in
            let sent = Mutex(0)
            let cancelled = Signal()
            let session = try await endpoint.session { session in
                do {
                    while true {
                        try await session.write([UInt8](repeating: 7, count: 1 << 20), to: .stdout)
                        sent.withLock { $0 += 1 << 20 }
                    }
                } catch {
                    await cancelled.set()
                    throw error
                }
            }
            var output = session.output.makeAsyncIterator()
            _ = try await output.next()
            await session.close()
            await cancelled.wait()
            #expect(sent.withLock { $0 } < 4 << 20)
        }
    }

    @Test func stdinToASlowProcessIsHeld() async throws {
        let total = 20 << 20
        try await Endpoint().with { endpoint in
            let session = try await endpoint.session { session in
                var count = 0
                for try await bytes in session.stdin { count += bytes.count }
                return count == total ? .success : .exit(1)
            }
            for _ in 0..<20 { try await session.write([UInt8](repeating: 9, count: 1 << 20)) }
            try await session.closeStdin()
            #expect(try await session.result() == .success)
        }
    }

    @Test(arguments: [StreamProtocol.v4, .v4Base64]) func olderProtocols(version: StreamProtocol) async throws {
        try await Endpoint().with { endpoint in
            let session = try await endpoint.session([version]) { session in
                for try await bytes in session.stdin {
                    try await session.write(bytes, to: .stderr)
                    break
                }
                return .exit(9)
            }
            #expect(session.protocol == version)
            try await session.write([0, 255, 10, 13])
            await #expect(throws: SwiftletError.self) { try await session.closeStdin() }
            #expect(try await collect(session).stderr == [0, 255, 10, 13])
            #expect(try await session.result() == .exit(9))
        }
    }

    @Test func aClientThatGoesCancelsTheSession() async throws {
        try await Endpoint().with { endpoint in
            let ended = Signal()
            let started = Signal()
            let url = try endpoint.server.register(.exec) { session in
                await started.set()
                defer { Task { await ended.set() } }
                try await Task.sleep(for: .seconds(3600))
                return .success
            }
            let connection = try await StreamClient.connect(to: StreamTarget(url: url))
            await started.wait()
            connection.abort()
            await ended.wait()
        }
    }

    @Test func aServerThatGoesEndsTheClient() async throws {
        let endpoint = try await Endpoint()
        try await endpoint.with { endpoint in
            let session = try await endpoint.session { _ in
                try await Task.sleep(for: .seconds(3600))
                return .success
            }
            await endpoint.server.shutdown()
            await #expect(throws: SwiftletError.self) { try await session.result() }
        }
    }
}
