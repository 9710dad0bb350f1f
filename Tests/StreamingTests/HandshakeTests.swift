import Errors
import Foundation
import JSON
import NIOHTTP1
import Testing

@testable import Streaming

@Suite(.timeLimit(.minutes(2))) struct HandshakeTests {
    private static let good: HTTPHeaders = [
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
    ]

    /// The example of RFC 6455 section 1.3.
    @Test func acceptanceOfTheKey() {
        #expect(StreamUpgrade.acceptance(of: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test(arguments: [
        ("v5.channel.k8s.io", StreamProtocol.v5), ("v4.channel.k8s.io", .v4),
        ("v5.channel.k8s.io,v4.channel.k8s.io", .v5), ("v4.channel.k8s.io, v5.channel.k8s.io", .v4),
        ("v9.channel.k8s.io, v4.channel.k8s.io", .v4), ("v4.base64.channel.k8s.io", .v4Base64),
    ])
    func picksTheFirstProtocolItKnows(offer: String, expected: StreamProtocol) throws {
        var headers = Self.good
        headers.replaceOrAdd(name: "Sec-WebSocket-Protocol", value: offer)
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: headers)
        #expect(try StreamUpgrade.negotiate(head).protocol == expected)
    }

    @Test(arguments: [
        ("Upgrade", "SPDY/3.1", "WebSocket"), ("Connection", "close", "Connection: Upgrade"),
        ("Sec-WebSocket-Version", "8", "must be 13"), ("Sec-WebSocket-Key", "short", "16 bytes"),
        ("Sec-WebSocket-Protocol", "chat", "no protocol in common: the client offers chat"),
    ])
    func refusesBadHandshakes(field: String, value: String, message: String) throws {
        var headers = Self.good
        headers.replaceOrAdd(name: field, value: value)
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: headers)
        let error = #expect(throws: SwiftletError.self) { try StreamUpgrade.negotiate(head) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.description.contains(message) == true)
    }

    @Test func aTokenIsGoodForOneUse() async throws {
        try await Endpoint().with { endpoint in
            let target = try StreamTarget(url: endpoint.server.register(.exec) { _ in .success })
            #expect(try await StreamClient.open(to: target).result() == .success)
            let error = await #expect(throws: SwiftletError.self) { try await StreamClient.open(to: target) }
            #expect(error?.code == .notFound)
            #expect(error?.reason.contains("used") == true)
        }
    }

    @Test(arguments: ["/exec/nothing", "/attach/TOKEN", "/portforward/x", "/", "/exec", "/exec/../x", "/?", "//?a=b"])
    func unknownPathsAreNotFound(uri: String) async throws {
        try await Endpoint().with { endpoint in
            var target = try StreamTarget(url: endpoint.server.register(.exec) { _ in .success })
            let token = target.uri.split(separator: "/")[1]
            target.uri = uri.replacingOccurrences(of: "TOKEN", with: token)
            let error = await #expect(throws: SwiftletError.self) { try await StreamClient.open(to: target) }
            #expect(error?.code == .notFound)
        }
    }

    @Test func tokensExpire() async throws {
        var limits = StreamLimits()
        limits.tokenLifetime = .zero
        try await Endpoint(limits: limits).with { endpoint in
            let target = try StreamTarget(url: endpoint.server.register(.exec) { _ in .success })
            let error = await #expect(throws: SwiftletError.self) { try await StreamClient.open(to: target) }
            #expect(error?.code == .notFound)
        }
    }

    @Test func pendingTokensAreBounded() async throws {
        try await Endpoint().with { endpoint in
            for _ in 0..<1000 { _ = try endpoint.server.register(.attach) { _ in .success } }
            let error = #expect(throws: SwiftletError.self) { try endpoint.server.register(.attach) { _ in .success } }
            #expect(error?.code == .resourceExhausted)
        }
    }

    @Test func aBadHandshakeLeavesTheToken() async throws {
        try await Endpoint().with { endpoint in
            let target = try StreamTarget(url: endpoint.server.register(.exec) { _ in .success })
            let error = await #expect(throws: SwiftletError.self) {
                try await StreamClient.open(to: target, protocols: [])
            }
            #expect(error?.code == .invalidArgument)
            #expect(try await StreamClient.open(to: target).result() == .success)
        }
    }

    @Test func nobodyListens() async throws {
        let error = await #expect(throws: SwiftletError.self) {
            try await StreamClient.open(
                to: StreamTarget(socketPath: "/tmp/swiftlet-no-such.sock", uri: "/exec/x"), hint: "start it")
        }
        #expect(error?.code == .unavailable)
        #expect(error?.hint == "start it")
        #expect(error?.object.contains("/tmp/swiftlet-no-such.sock") == true)
    }

    @Test func targetsSurviveTheirURL() throws {
        let target = StreamTarget(socketPath: "/run/a b/%é.sock", uri: "/exec/t0ken?x=1")
        #expect(try StreamTarget(url: target.url) == target)
        for bad in [
            "", "http://x/y", "http+unix://", "http+unix:///exec", "http+unix://%2/x", "http+unix://%2Frun/a\nb",
        ] {
            #expect(throws: SwiftletError.self) { try StreamTarget(url: bad) }
        }
    }
}
