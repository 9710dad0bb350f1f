import Errors
import JSON
import Testing

@testable import CRI

@Suite(.timeLimit(.minutes(2))) struct ProtocolTests {
    /// Line sent, code of the answer, a part of the message, id of the answer.
    static let faults: [(String, Int64, String, JSONValue)] = [
        ("{", -32700, "parse", .null),
        ("nonsense", -32700, "parse", .null),
        (#"{"jsonrpc":"2.0","id":1,"id":2,"method":"Version"}"#, -32700, "parse", .null),
        (String(repeating: "[", count: 5000), -32700, "parse", .null),
        ("[]", -32600, "a batch has 1 to", .null),
        ("7", -32600, "not number", .null),
        (#"{"id":1,"method":"Version"}"#, -32600, "jsonrpc", 1),
        (#"{"jsonrpc":"1.0","id":1,"method":"Version"}"#, -32600, "jsonrpc", 1),
        (#"{"jsonrpc":"2.0","id":1}"#, -32600, "method", 1),
        (#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600, "method", 1),
        (#"{"jsonrpc":"2.0","id":{},"method":"Version"}"#, -32600, "id must be", .null),
        (#"{"jsonrpc":"2.0","id":1,"method":"Version","params":3}"#, -32600, "params", 1),
        (#"{"jsonrpc":"2.0","id":"a","method":"RunPodSandox"}"#, -32601, "no such method", "a"),
        (#"{"jsonrpc":"2.0","id":1,"method":"Version","params":[1]}"#, -32602, "must be a JSON object", 1),
        (#"{"jsonrpc":"2.0","id":1,"method":"Version","params":{"versoin":"x"}}"#, -32602, "field versoin", 1),
        (
            #"{"jsonrpc":"2.0","id":1,"method":"RunPodSandbox","params":{"config":{"metadata":{"attempt":"x"}}}}"#,
            -32602,
            "field config.metadata.attempt", 1
        ),
        (
            #"{"jsonrpc":"2.0","id":1,"method":"RunPodSandbox","params":{"config":{"portMappings":[{},{"protocol":"XTP"}]}}}"#,
            -32602, "field config.portMappings[1].protocol", 1
        ),
        (
            #"{"jsonrpc":"2.0","id":1,"method":"CreateContainer","params":{"config":{"envs":[{"key":"a"},{"kay":"b"}]}}}"#,
            -32602, "field config.envs[1].kay: there is no such field", 1
        ),
        (#"{"jsonrpc":"2.0","id":1,"method":"ExecSync","params":{"timeout":1.5}}"#, -32602, "field timeout", 1),
        (#"{"jsonrpc":"2.0","id":1,"method":"ExecSync","params":{"cmd":"ls"}}"#, -32602, "field cmd", 1),
    ]

    @Test(arguments: faults.indices) func answersFaults(index: Int) async throws {
        let (sent, code, message, id) = Self.faults[index]
        try await Daemon.with { daemon in
            let wire = try daemon.wire()
            await wire.send(sent + "\n")
            let answer = await wire.line()
            #expect(answer?["jsonrpc"] == "2.0")
            #expect(answer?["id"] == id)
            #expect(answer?["error"]?["code"] == .int(code))
            #expect(answer?["error"]?["message"]?.string?.contains(message) == true, "\(answer ?? .null)")
            // The connection goes on.
            await wire.send(#"{"jsonrpc":"2.0","id":99,"method":"Version"}"# + "\n")
            #expect(await wire.line()?["id"] == 99)
        }
    }

    @Test func hintsAtTheNearestMethod() async throws {
        try await Daemon.with { daemon in
            let error = await #expect(throws: SwiftletError.self) {
                try await daemon.client.call(method: "RunPodSandox", params: nil)
            }
            #expect(error?.code == .unimplemented)
            #expect(error?.hint == "did you mean RunPodSandbox?")
        }
    }

    @Test func notificationsGetNoReply() async throws {
        try await Daemon.with { daemon in
            let wire = try daemon.wire()
            await wire.send(
                #"{"jsonrpc":"2.0","method":"Status"}"# + "\n" + #"{"jsonrpc":"2.0","method":"Nothing"}"# + "\n")
            await wire.send(#"{"jsonrpc":"2.0","id":null,"method":"Version"}"# + "\n\n \r\n")
            let answer = await wire.line()
            #expect(answer?["id"] == .null)
            #expect(answer?["result"] == [:])
        }
    }

    @Test func batches() async throws {
        try await Daemon.with { daemon in
            let wire = try daemon.wire()
            await wire.send(
                #"[{"jsonrpc":"2.0","id":1,"method":"Version"},{"jsonrpc":"2.0","method":"Version"},5,"#
                    + #"{"jsonrpc":"2.0","id":"x","method":"Nope"},{"jsonrpc":"2.0","id":2,"method":"GetContainerEvents"}]"#
                    + "\n")
            let answer = await wire.line()?.array ?? []
            #expect(answer.map { $0["id"] } == [1, .null, "x", 2])
            #expect(answer.map { $0["error"]?["code"] } == [nil, -32600, -32601, -32600])
            // A batch of notifications alone gets nothing.
            await wire.send(
                #"[{"jsonrpc":"2.0","method":"Version"}]"# + "\n" + #"{"jsonrpc":"2.0","id":3,"method":"Version"}"#
                    + "\n")
            #expect(await wire.line()?["id"] == 3)
            await wire.send("[" + [String](repeating: "1", count: 1001).joined(separator: ",") + "]\n")
            #expect(await wire.line()?["error"]?["code"] == -32600)
        }
    }

    @Test(arguments: SwiftletError.Code.allCases) func errorsTravelWhole(code: SwiftletError.Code) async throws {
        let sent = SwiftletError(
            code, "wurde „gesperrt“", operation: "create container", object: "web/app", errno: 28,
            hint: "free some space",
            notes: ["remove directory failed", "x"])
        try await Daemon.with { daemon in
            daemon.service.failures.withLock { $0["CreateContainer"] = sent }
            let error = await #expect(throws: SwiftletError.self) { try await daemon.client.createContainer(.init()) }
            #expect(error == sent)
        }
    }

    @Test func notFoundHasItsNumber() {
        #expect(JSONRPCError(.notFound("container", "x")).code == -32005)
        #expect(JSONRPCError(.notFound("container", "x")).json["data"]?["code"] == "NotFound")
    }

    @Test func methodsOfOurOwn() async throws {
        try await Daemon.with(extra: { $0.register("Double") { ["twice": .int(2 * ($0?["n"]?.int ?? 0))] } }) {
            daemon in
            let answer = try await daemon.client.call(method: "Double", params: ["n": 21])
            #expect(answer == ["twice": 42])
        }
    }

    @Test func optionalMethodsAreUnimplementedByDefault() async throws {
        struct Bare: ImageService {
            func listImages(_ request: CRIListImagesRequest) async throws -> CRIListImagesResponse { .init() }
            func imageStatus(_ request: CRIImageStatusRequest) async throws -> CRIImageStatusResponse { .init() }
            func pullImage(_ request: CRIPullImageRequest) async throws -> CRIPullImageResponse { .init() }
            func removeImage(_ request: CRIRemoveImageRequest) async throws -> CRIRemoveImageResponse { .init() }
            func imageFsInfo(_ request: CRIImageFsInfoRequest) async throws -> CRIImageFsInfoResponse { .init() }
        }
        let error = await #expect(throws: SwiftletError.self) { for try await _ in Bare().streamImages(.init()) {} }
        #expect(error?.code == .unimplemented)
    }
}
