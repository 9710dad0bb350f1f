import JSON
import KubeAPI
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct HostileTests {
    @Test(.timeLimit(.minutes(1))) func refusesLargeBodies() async throws {
        try await withServer { server in
            let big = [UInt8](repeating: 0x20, count: HTTPConnection.maxBody + 1)
            let answer = try await HTTPTestClient.send(server.socket, .POST, TestServer.pods, big)
            #expect(answer.status == 413)
            #expect(try await answer.json()["reason"] == "RequestEntityTooLarge")
            // One megabyte is fine.
            let pod = TestServer.pod(
                "big", ["metadata": ["annotations": ["x": .string(String(repeating: "y", count: 200_000))]]])
            #expect(try await server.json(.POST, TestServer.pods, pod).status == 201)
        }
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            "", "{", "[]", "nul", "{\"a\":1,\"a\":2}", String(repeating: "[", count: 100_000), "\u{0}",
            "{\"metadata\":{\"name\":5}}",
            "{\"metadata\":[],\"spec\":{}}",
            "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"containers\":[null]}}",
        ])
    func refusesBrokenBodies(text: String) async throws {
        try await withServer { server in
            for method in [HTTPMethod.POST, .PATCH] {
                let uri = method == .POST ? TestServer.pods : TestServer.pods + "/none"
                let type = method == .POST ? "application/json" : "application/json-patch+json"
                let answer = try await HTTPTestClient.send(
                    server.socket, method, uri, Array(text.utf8), headers: ["Content-Type": type])
                #expect((400...499).contains(answer.status), "\(answer.status)")
                #expect(try await answer.json()["kind"] == "Status")
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func acceptsYAML() async throws {
        try await withServer { server in
            let yaml =
                "apiVersion: v1\nkind: Pod\nmetadata: {name: yaml}\nspec:\n  containers:\n  - {name: c, image: i}\n"
            let answer = try await HTTPTestClient.send(
                server.socket, .POST, TestServer.pods, Array(yaml.utf8), headers: ["Content-Type": "application/yaml"])
            #expect(answer.status == 201)
            let other = try await HTTPTestClient.send(
                server.socket, .POST, TestServer.pods, [1],
                headers: ["Content-Type": "application/vnd.kubernetes.protobuf"])
            #expect(other.status == 415)
        }
    }

    /// Clients that send half a request and stay, or none at all, keep nobody from being served.
    @Test(.timeLimit(.minutes(1))) func slowClientsHarmNobody() async throws {
        try await withServer { server in
            var open: [TestResponse] = []
            for _ in 0..<50 { open.append(try await server.request(.GET, TestServer.pods + "?watch=1")) }
            for index in 0..<30 {
                #expect(try await server.json(.POST, TestServer.pods, TestServer.pod("p\(index)")).status == 201)
            }
            #expect(try await server.json(.GET, TestServer.pods).body["items"]?.array?.count == 30)
            for response in open { response.channel.close(promise: nil) }
        }
    }
}
