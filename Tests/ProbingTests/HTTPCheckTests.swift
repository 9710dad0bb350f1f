import NIOHTTP1
import Synchronization
import Testing

@testable import Probing

@Suite struct HTTPCheckTests {
    private func check(
        _ endpoint: Endpoint, _ path: String = "/", headers: [(name: String, value: String)] = [],
        timeout: Duration = .seconds(300)
    ) async throws -> CheckResult {
        try await HTTPCheck(
            url: ProbeURL(scheme: .http, endpoint: endpoint, path: path), headers: headers, timeout: timeout
        ).run()
    }

    static let statuses: [(Int, CheckResult)] = [
        (200, .success), (204, .success), (299, .success),
        (304, .warning("Probe terminated redirects, Response body: ")),
        (400, .failure("HTTP probe failed with statuscode: 400")),
        (404, .failure("HTTP probe failed with statuscode: 404")),
        (500, .failure("HTTP probe failed with statuscode: 500")),
    ]

    @Test(arguments: statuses) func status(_ code: Int, _ expected: CheckResult) async throws {
        let result = try await withHTTPServer({ _ in (code, [], "") }) { try await check($0) }
        #expect(result == expected)
    }

    @Test(arguments: [200, 302, 404, 500]) func anyAnswerIsAnAnswer(_ code: Int) async throws {
        let fault = try await withHTTPServer({ _ in (code, [("Location", "/again")], "") }) { endpoint in
            try await HTTPCheck(url: ProbeURL(scheme: .http, endpoint: endpoint, path: "/"), timeout: .seconds(300))
                .ask()
        }
        #expect(fault == nil)
    }

    @Test func noAnswerIsTold() async throws {
        let endpoint = Endpoint(host: "127.0.0.1", port: 1)
        let check = HTTPCheck(url: ProbeURL(scheme: .http, endpoint: endpoint, path: "/"), timeout: .seconds(300))
        #expect(
            try await check.ask() == "Get \"http://127.0.0.1:1/\": dial tcp 127.0.0.1:1: connect: connection refused")
    }

    @Test func whatIsSent() async throws {
        let seen = Mutex<HTTPRequestHead?>(nil)
        try await withHTTPServer({ head in
            seen.withLock { $0 = head }
            return (200, [], "")
        }) { endpoint in
            _ = try await check(
                endpoint, "healthz?full=1 2",
                headers: [("Host", "shop.example"), ("X-One", "1"), ("Accept", "text/plain")])
        }
        let head = try #require(seen.withLock { $0 })
        #expect(head.method == .GET && head.uri == "/healthz?full=1%202")
        #expect(head.headers["host"] == ["shop.example"])
        #expect(head.headers["user-agent"] == ["kube-probe/1.36"])
        #expect(head.headers["accept"] == ["text/plain"] && head.headers["x-one"] == ["1"])
    }

    @Test func redirectsOnTheSameHostAreFollowed() async throws {
        let result = try await withHTTPServer({ head in
            head.uri == "/end" ? (200, [], "") : (302, [("Location", "end")], "")
        }) { try await check($0, "/start") }
        #expect(result == .success)
    }

    @Test func redirectsToOtherHostsAreNot() async throws {
        let result = try await withHTTPServer({ _ in (302, [("Location", "http://198.51.100.7/")], "gone") }) {
            try await check($0)
        }
        #expect(result == .warning("Probe terminated redirects, Response body: gone"))
    }

    @Test func redirectsWithoutEnd() async throws {
        try await withHTTPServer({ _ in (302, [("Location", "/again")], "") }) { endpoint in
            let expected = "Get \"http://\(endpoint.text)/again\": stopped after 10 redirects"
            let result = try await check(endpoint)
            #expect(result == .failure(expected))
        }
    }

    @Test func noAnswer() async throws {
        try await withHTTPServer({ _ in nil }) { endpoint in
            let why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            let result = try await check(endpoint, timeout: .milliseconds(50))
            #expect(result == .failure("Get \"http://\(endpoint.text)/\": \(why)"))
        }
    }

    @Test func nobodyListens() async throws {
        let endpoint = try await withHTTPServer({ _ in nil }) { $0 }
        let expected = "Get \"http://\(endpoint.text)/\": dial tcp \(endpoint.text): connect: connection refused"
        #expect(try await check(endpoint) == .failure(expected))
    }

    @Test func aBodyWithoutEnd() async throws {
        let result = try await withHTTPServer({ _ in (200, [], String(repeating: "x", count: 1 << 20)) }) {
            try await check($0)
        }
        #expect(result == .success)
    }

    @Test func tlsToAServerWithoutIt() async throws {
        try await withHTTPServer({ _ in (200, [], "") }) { endpoint in
            let url = ProbeURL(scheme: .https, endpoint: endpoint, path: "/")
            guard case .failure(let text) = try await HTTPCheck(url: url, timeout: .seconds(300)).run() else {
                Issue.record("no failure")
                return
            }
            #expect(text.hasPrefix("Get \"https://\(endpoint.text)/\": "))
        }
    }

    @Test func cancelled() async throws {
        try await withHTTPServer({ _ in nil }) { endpoint in
            let task = Task { try await check(endpoint, timeout: .seconds(600)) }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    static let locations: [(String, String?)] = [
        ("/b", "http://h:8080/b"), ("b", "http://h:8080/a/b"), ("?q", "http://h:8080/a/?q"),
        ("//other/x", "http://other:80/x"), ("https://h/x", "https://h:443/x"),
        ("http://u:p@[fd00::1]:81", "http://[fd00::1]:81/"), ("ftp://h/", nil), ("http:///x", nil),
        ("http://h:99999/", nil),
    ]

    @Test(arguments: locations) func location(_ location: String, _ expected: String?) {
        let url = ProbeURL(scheme: .http, endpoint: Endpoint(host: "h", port: 8080), path: "/a/c")
        #expect(url.resolving(location)?.text == expected)
    }
}
