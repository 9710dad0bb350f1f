import Errors
import JSON
import Testing

@testable import CRI

@Suite(.timeLimit(.minutes(2))) struct ClientTests {
    @Test func nobodyListens() async throws {
        let client = RuntimeClient(socketPath: "/tmp/swiftlet-none/runtime.sock")
        let error = await #expect(throws: SwiftletError.self) { try await client.version(.init()) }
        #expect(error?.code == .unavailable)
        #expect(error?.object.contains("/tmp/swiftlet-none/runtime.sock") == true)
        #expect(error?.hint == "is swiftletd running? start it with: swiftletd --run /tmp/swiftlet-none")
    }

    @Test func callsRunTogether() async throws {
        let gate = Gate()
        try await Daemon.with(extra: { $0.register("Wait") { _ in await gate.pass() } }) { daemon in
            let client = daemon.client
            async let waiting = client.call(method: "Wait", params: nil)
            await gate.waitFor(1)
            _ = try await client.version(.init())
            await gate.open()
            #expect(try await waiting == [:])
        }
    }

    @Test func cancellingEndsTheWaitAndTheRequest() async throws {
        let gate = Gate()
        try await Daemon.with(extra: { $0.register("Wait") { _ in await gate.pass() } }) { daemon in
            let client = daemon.client
            let task = Task { try await client.call(method: "Wait", params: nil) }
            await gate.waitFor(1)
            task.cancel()
            let error = await #expect(throws: SwiftletError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            await gate.waitForCancel()
        }
    }

    @Test func deadlines() async throws {
        let gate = Gate()
        try await Daemon.with(extra: { $0.register("Wait") { _ in await gate.pass() } }) { daemon in
            let client = daemon.client.with(deadline: .milliseconds(20))
            // On a busy machine the deadline may come before the request is on its way.
            repeat {
                let error = await #expect(throws: SwiftletError.self) {
                    try await client.call(method: "Wait", params: nil)
                }
                #expect(error?.code == .deadlineExceeded)
            } while await gate.most == 0
            await gate.waitForCancel()
            _ = try await daemon.client.version(.init())
        }
    }

    @Test func aDeadlineIsNeverMissedHoweverEarly() async throws {
        let gate = Gate()
        try await Daemon.with(extra: { $0.register("Wait") { _ in await gate.pass() } }) { daemon in
            let client = daemon.client.with(deadline: .zero)
            for _ in 0..<200 {
                let error = await #expect(throws: SwiftletError.self) {
                    try await client.call(method: "Wait", params: nil)
                }
                #expect(error?.code == .deadlineExceeded)
            }
        }
    }

    @Test func aCancelRightBehindItsRequestFindsIt() async throws {
        let wait = #"{"jsonrpc":"2.0","id":7,"method":"Wait"}"# + "\n"
        let cancel = #"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":7}}"# + "\n"
        let endless: @Sendable (JSONValue?) async throws -> JSONValue = { _ in
            try await Task.sleep(for: .seconds(1000))
            return [:]
        }
        try await Daemon.with(extra: { $0.register("Wait", endless) }) { daemon in
            let wire = try daemon.wire()
            for _ in 0..<200 {
                await wire.send(wait + cancel)
                #expect(await wire.line()?["error"]?["code"] == -32001)
            }
            await wire.send("[\(wait.dropLast())]\n" + cancel)
            #expect(await wire.line()?.array?.first?["error"]?["code"] == -32001)
        }
    }

    @Test func aShutdownLetsRequestsFinish() async throws {
        let gate = Gate()
        try await Daemon.with { daemon in
            let path = daemon.path + "2"
            var methods = MethodTable()
            methods.register("Wait") { _ in await gate.pass() }
            let server = try await JSONRPCServer.start(at: path, methods: methods, logger: .init(label: "test"))
            let client = RuntimeClient(socketPath: path)
            let waiting = Task { try await client.call(method: "Wait", params: nil) }
            await gate.waitFor(1)
            let shutdown = Task { await server.shutdown(grace: .seconds(30)) }
            await gate.open()
            let answer = try await waiting.value
            #expect(answer == [:])
            await shutdown.value
        }
    }

    @Test func connectsAgainAfterARestart() async throws {
        try await Daemon.with { daemon in
            let other = daemon.path + "2"
            let client = RuntimeClient(socketPath: other)
            for _ in 0..<3 {
                var methods = MethodTable()
                methods.serve(daemon.service as any RuntimeService)
                let server = try await JSONRPCServer.start(at: other, methods: methods, logger: .init(label: "test"))
                _ = try await client.version(.init())
                await server.shutdown(grace: .zero)
                let error = await #expect(throws: SwiftletError.self) {
                    // The first may still meet the old connection as it goes; neither may hang.
                    _ = try await client.version(.init())
                }
                #expect(error?.code == .unavailable)
            }
        }
    }

    @Test func eventsComeInOrderAndEnd() async throws {
        let events = EventService()
        let wanted = (0..<500).map { "container-\($0)" }
        try await Daemon.with(extra: { $0.serve(events as any RuntimeService) }) { daemon in
            let stream = daemon.client.getContainerEvents(.init())
            let sending = Task {
                await events.subscribed()
                for id in wanted { await events.send(id) }
                await events.finish(SwiftletError(.resourceExhausted, "too slow", object: "events"))
            }
            var seen: [String] = []
            let error = await #expect(throws: SwiftletError.self) {
                for try await event in stream { seen.append(event.containerID) }
            }
            await sending.value
            #expect(seen == wanted)
            #expect(error == SwiftletError(.resourceExhausted, "too slow", object: "events"))
            _ = try await daemon.client.call(method: "ListImages", params: nil)
        }
    }

    @Test func leavingAStreamEndsItInTheServer() async throws {
        let events = EventService()
        try await Daemon.with(extra: { $0.serve(events as any RuntimeService) }) { daemon in
            let task = Task {
                for try await _ in daemon.client.getContainerEvents(.init()) { return true }
                return false
            }
            await events.subscribed()
            await events.send("a")
            let left = try await task.value
            #expect(left)
            await events.ended()
        }
    }

    @Test func eventsOnTheWire() async throws {
        let events = EventService()
        try await Daemon.with(extra: { $0.serve(events as any RuntimeService) }) { daemon in
            let wire = try daemon.wire()
            await wire.send(#"{"jsonrpc":"2.0","id":"e","method":"GetContainerEvents","params":{}}"# + "\n")
            #expect(await wire.line() == ["jsonrpc": "2.0", "id": "e", "result": [:]])
            await events.subscribed()
            await events.send("c1")
            #expect(
                await wire.line() == [
                    "jsonrpc": "2.0", "method": "GetContainerEvents",
                    "params": ["subscription": "e", "result": ["containerId": "c1"]],
                ])
            // The same connection still serves, and its end ends the stream.
            await wire.send(#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":"e"}}"# + "\n")
            #expect(await wire.line()?["params"]?["subscription"] == "e")
            await events.ended()
        }
    }
}
