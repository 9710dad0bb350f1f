import Testing

@testable import Probing

@Suite struct PortCheckTests {
    @Test func tcp() async throws {
        let endpoint = try await withServer({ $0.eventLoop.makeSucceededVoidFuture() }) { endpoint in
            let result = try await checkTCP(endpoint, timeout: .seconds(300))
            #expect(result == .success)
            return endpoint
        }
        let refused = "dial tcp \(endpoint.text): connect: connection refused"
        #expect(try await checkTCP(endpoint, timeout: .seconds(300)) == .failure(refused))
    }

    @Test func aNameNobodyKnows() async throws {
        let endpoint = Endpoint(host: "no.such.invalid", port: 1)
        guard case .failure(let text) = try await checkTCP(endpoint, timeout: .seconds(300)) else {
            Issue.record("no failure")
            return
        }
        #expect(text.hasPrefix("dial tcp no.such.invalid:1: "))
    }

    static let health: [(String?, UInt8?, CheckResult)] = [
        ("0", 1, .success),
        ("0", 2, .failure("service unhealthy (responded with \"NOT_SERVING\")")),
        ("0", 0, .failure("service unhealthy (responded with \"UNKNOWN\")")),
        ("0", 3, .failure("service unhealthy (responded with \"SERVICE_UNKNOWN\")")),
        ("0", nil, .failure("error: health rpc probe failed: the answer is no HealthCheckResponse")),
        (
            "12", nil,
            .failure("error: this server does not implement the grpc health protocol (grpc.health.v1.Health): so it is")
        ),
        ("5", nil, .failure("error: health rpc probe failed: rpc error: code = 5 desc = so it is")),
    ]

    @Test(arguments: health) func grpc(_ code: String?, _ serving: UInt8?, _ expected: CheckResult) async throws {
        let result = try await withHealthServer(code: code, serving: serving, expecting: "shop") {
            try await checkGRPC($0, service: "shop", timeout: .seconds(300))
        }
        #expect(result == expected)
    }

    @Test func grpcWithoutAnswer() async throws {
        try await withHealthServer(code: nil, serving: nil) {
            let result = try await checkGRPC($0, service: "", timeout: .seconds(1))
            #expect(result == .failure("timeout: health rpc did not complete within 1s"))
        }
    }

    @Test func grpcOfAServerThatSpeaksHTTP1() async throws {
        try await withHTTPServer({ _ in (200, [], "") }) {
            guard case .failure = try await checkGRPC($0, service: "", timeout: .seconds(300)) else {
                Issue.record("no failure")
                return
            }
        }
    }

    static let frames: [([UInt8], UInt64?)] = [
        ([0, 0, 0, 0, 2, 8, 1], 1), ([0, 0, 0, 0, 0], 0), ([0, 0, 0, 0, 3, 8, 0x80, 1], 128), ([], nil),
        ([0, 0, 0, 0, 2, 8], nil), ([1, 0, 0, 0, 2, 8, 1], nil), ([0, 0, 0, 0, 2, 16, 1], nil),
        ([0, 0, 0, 0, 2, 8, 0x80], nil),
    ]

    @Test(arguments: frames) func servingStatusOf(_ frame: [UInt8], _ expected: UInt64?) {
        #expect(servingStatus(frame) == expected)
    }
}
