import Errors
import Testing

@testable import Streaming

@Suite(.timeLimit(.minutes(2))) struct RelayTests {
    /// A client's session with `handler` behind a relay.
    private func relayed(
        _ front: Endpoint, _ back: Endpoint, _ protocols: [StreamProtocol], _ handler: @escaping StreamHandler
    ) async throws -> ClientSession {
        let upstream = try await StreamClient.connect(to: StreamTarget(url: back.server.register(.attach, handler)))
        let url = try front.server.register(.exec, relayTo: upstream)
        return try await StreamClient.open(to: StreamTarget(url: url), protocols: protocols)
    }

    @Test(arguments: [[StreamProtocol.v5], [.v4], [.v4Base64]])
    func keepsDataAndStatus(protocols: [StreamProtocol]) async throws {
        try await Endpoint().with { front in
            try await Endpoint().with { back in
                let session = try await relayed(front, back, protocols) { session in
                    var count = 0
                    for try await bytes in session.stdin {
                        count += bytes.count
                        try await session.write(bytes, to: .stdout)
                        if count == 3 << 20 { break }
                    }
                    return .exit(42)
                }
                async let sending: Void = {
                    for _ in 0..<3 { try await session.write([UInt8](repeating: 5, count: 1 << 20)) }
                }()
                let out = try await collect(session).stdout
                try await sending
                #expect(out.count == 3 << 20)
                #expect(try await session.result() == .exit(42))
            }
        }
    }

    @Test func keepsHalfCloseAndResize() async throws {
        try await Endpoint().with { front in
            try await Endpoint().with { back in
                let session = try await relayed(front, back, [.v5]) { session in
                    for await size in session.resizes where size.width == 99 { break }
                    for try await bytes in session.stdin { try await session.write(bytes, to: .stdout) }
                    return .success
                }
                try await session.resize(TerminalSize(width: 99, height: 9))
                try await session.write([1, 2, 3])
                try await session.closeStdin()
                #expect(try await collect(session).stdout == [1, 2, 3])
                #expect(try await session.result() == .success)
            }
        }
    }

    @Test func aClientThatGoesCancelsTheSessionBehind() async throws {
        try await Endpoint().with { front in
            try await Endpoint().with { back in
                let ended = Signal()
                let session = try await relayed(front, back, [.v5]) { session in
                    defer { Task { await ended.set() } }
                    try await session.write([1], to: .stdout)
                    try await Task.sleep(for: .seconds(3600))
                    return .success
                }
                var output = session.output.makeAsyncIterator()
                _ = try await output.next()
                await session.close()
                await ended.wait()
            }
        }
    }
}
