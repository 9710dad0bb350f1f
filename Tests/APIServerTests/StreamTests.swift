import CRI
import Errors
import JSON
import KubeAPI
import Logging
import NIOHTTP1
import Streaming
import Testing

@testable import APIServer

@Suite struct StreamTests {
    private func running(_ server: TestServer, phase: PodPhase = .running, state: JSONValue = ["running": [:]])
        async throws
    {
        let pod = try await server.server.cluster.createPod(TestServer.pod("a"))
        var status = PodStatus(phase: phase)
        status.containerStatuses = [
            try ContainerStatus([
                "name": "c", "ready": true, "restartCount": 0, "image": "", "imageID": "",
                "containerID": "swiftlet://id1", "state": state,
            ])
        ]
        try await server.server.cluster.updateStatus(status, of: pod.reference)
    }

    @Test(.timeLimit(.minutes(1))) func execPassesBothWaysAndTheExitCode() async throws {
        try await withServer { server in
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let streaming = try await StreamingServer.start(at: server.folder + "/streaming.sock", logger: logger)
            let url = try streaming.register(.exec) { session in
                var input: [UInt8] = []
                for try await bytes in session.stdin { input += bytes }
                try await session.write(Array("got ".utf8) + input, to: .stdout)
                return .exit(3)
            }
            server.runtime.state.withLock { $0.execURL = url }
            try await running(server)
            let uri = TestServer.pods + "/a/exec?command=cat&command=-n&stdin=true&stdout=true&stderr=true"
            let session = try await StreamClient.open(to: StreamTarget(socketPath: server.socket, uri: uri))
            try await session.write(Array("hello".utf8))
            try await session.closeStdin()
            var text = ""
            for try await (_, bytes) in session.output { text += String(decoding: bytes, as: UTF8.self) }
            #expect(text == "got hello")
            #expect(try await session.result() == .exit(3))
            let request = server.runtime.state.withLock { $0.execs.first }
            #expect(
                request?.cmd == ["cat", "-n"] && request?.containerID == "id1" && request?.tty == false
                    && request?.stderr == true)
            await session.close()
            await streaming.shutdown()
        }
    }

    @Test(.timeLimit(.minutes(1))) func refusesWhatDoesNotRun() async throws {
        try await withServer { server in
            try await running(server, phase: .succeeded, state: ["terminated": ["exitCode": 0]])
            let uri = TestServer.pods + "/a/exec?command=a&stdout=true"
            let error = await #expect(throws: SwiftletError.self) {
                try await StreamClient.open(to: StreamTarget(socketPath: server.socket, uri: uri))
            }
            #expect(error?.description.contains("completed pod") == true)
            let plain = try await server.json(.GET, uri)
            #expect(plain.status == 400)
            #expect(try await server.json(.GET, TestServer.pods + "/none/exec?command=a").status == 404)
        }
    }
}

@Suite struct MetricsTests {
    @Test func reportsUsage() async throws {
        try await withServer { server in
            let pod = try await server.server.cluster.createPod(TestServer.pod("a"))
            func reading(_ nanoseconds: UInt64, at seconds: Int64) {
                server.runtime.state.withLock {
                    $0.stats = [
                        .with {
                            $0.attributes.id = "s1"
                            $0.attributes.metadata.uid = pod.metadata.uid ?? ""
                            $0.linux.cpu.timestamp = seconds * 1_000_000_000
                            $0.linux.cpu.usageCoreNanoSeconds.value = nanoseconds
                            $0.linux.memory.workingSetBytes.value = 3 << 20
                            $0.linux.containers = [
                                .with {
                                    $0.attributes.id = "id1"
                                    $0.attributes.metadata.name = "c"
                                    $0.cpu.timestamp = seconds * 1_000_000_000
                                    $0.cpu.usageCoreNanoSeconds.value = nanoseconds
                                    $0.memory.workingSetBytes.value = 2 << 20
                                }
                            ]
                        }
                    ]
                }
            }
            let base = "/apis/metrics.k8s.io/v1beta1"
            reading(1_000_000_000, at: 100)
            _ = try await server.json(.GET, base + "/pods")
            reading(2_000_000_000, at: 104)
            let pods = try await server.json(.GET, base + "/namespaces/default/pods").body
            #expect(pods["items"]?[0]?["containers"] == [["name": "c", "usage": ["cpu": "250m", "memory": "2048Ki"]]])
            #expect(pods["items"]?[0]?["window"] == "4s")
            #expect(try await server.json(.GET, base + "/namespaces/default/pods/a").status == 200)
            #expect(try await server.json(.GET, base + "/namespaces/default/pods/b").status == 404)
            #expect(try await server.json(.GET, base + "/nodes").body["items"]?[0]?["usage"]?["memory"] == "3072Ki")
            #expect(try await server.json(.GET, base + "/nodes/other").status == 404)
        }
    }
}
