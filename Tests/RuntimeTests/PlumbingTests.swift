import CRI
import Errors
import JSON
import Launch
import LinuxSystem
import Synchronization
import Testing

@testable import Runtime

struct ExecEndTests {
    static let exit = ExitRecord(code: 3, signal: 0, startedAt: 1, finishedAt: 2)

    @Test func anEndBeforeTheWaitIsKept() async {
        let end = ExecEnd()
        #expect(end.post(Self.exit))
        #expect(await end.wait() == Self.exit)
    }

    @Test func anEndDuringTheWaitArrives() async {
        let end = ExecEnd()
        async let waited = end.wait()
        #expect(end.post(Self.exit))
        #expect(await waited == Self.exit)
    }

    @Test func aWaitGivenUpTellsThePoster() async {
        let end = ExecEnd()
        end.cancel()
        #expect(await end.wait() == nil)
        #expect(!end.post(Self.exit))
    }
}

struct BlockingThreadsTests {
    @Test func runsMoreJobsThanThreads() async throws {
        let threads = BlockingThreads(limit: 3)
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 1...200 { group.addTask { try await threads.run { number } } }
            return try await group.reduce(0, +)
        }
        #expect(sum == 20_100)
    }

    @Test func passesErrorsOn() async {
        let threads = BlockingThreads(limit: 1)
        await #expect(throws: SwiftletError.invalid("no")) {
            try await threads.run { () throws -> Int in throw SwiftletError.invalid("no") }
        }
        #expect((try? await threads.run { 5 }) == 5)
    }
}

struct EventBroadcasterTests {
    @Test func everyListenerGetsEveryEventInOrder() async throws {
        let events = EventBroadcaster()
        let streams = [events.listen(), events.listen()]
        for number in 1...5 { events.send(.with { $0.createdAt = Int64(number) }) }
        events.finish()
        for stream in streams {
            var seen: [Int64] = []
            for try await event in stream { seen.append(event.createdAt) }
            #expect(seen == [1, 2, 3, 4, 5])
        }
    }

    @Test func oneThatLagsLosesItsStream() async {
        let events = EventBroadcaster()
        let stream = events.listen()
        for _ in 0..<2000 { events.send(.init()) }
        #expect(!events.hasListeners)
        let error = await #expect(throws: SwiftletError.self) { for try await _ in stream {} }
        #expect(error?.code == .resourceExhausted)
    }
}

struct StreamDescriptorTests {
    @Test func whatIsWrittenIsRead() async throws {
        let readiness = try Readiness()
        defer { readiness.stop() }
        let pipe = try PipeEnds()
        let other = try pipe.write.duplicate()
        let reader = try StreamDescriptor.reader(pipe, readiness)
        let writer = try StreamDescriptor(other, readiness)
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let task = Task {
            let taken = try await writer.write(bytes)
            writer.close()
            return taken
        }
        var got: [UInt8] = []
        while let part = try await reader.read() { got += part }
        #expect(got == bytes)
        #expect(try await task.value)
    }

    @Test func finishingEndsAWaitAndKeepsWhatIsThere() async throws {
        let readiness = try Readiness()
        defer { readiness.stop() }
        let pipe = try PipeEnds()
        let held = try pipe.write.duplicate()
        let reader = try StreamDescriptor.reader(pipe, readiness)
        try writeAll(held.raw, "left")
        reader.finish()
        #expect(try await reader.read() == Array("left".utf8))
        #expect(try await reader.read() == nil)
    }

    @Test func writingToNobodyIsNoError() async throws {
        let readiness = try Readiness()
        defer { readiness.stop() }
        var pair: SocketPair? = try SocketPair()
        let copy = try #require(try pair?.first.duplicate().release())
        pair = nil
        let stream = try StreamDescriptor(OwnedDescriptor(owning: copy), readiness)
        #expect(try await stream.read() == nil)
    }
}

struct UsageSamplerTests {
    @Test func beforeTwoSamplesTheRateIsOverTheWholeLife() {
        let sampler = UsageSampler()
        #expect(sampler.rate("/none", cpu: 2_000_000_000, age: 4_000_000_000) == 500_000_000)
        #expect(sampler.rate("/other", cpu: 5, age: 0) == 0)
    }
}

struct ImageRequestTests {
    private func request(_ text: String) throws -> ImageRequest {
        var id = JSONValue.null
        return try ImageRequest(Array(text.utf8), id: &id)
    }

    @Test func readsItsParameters() throws {
        let request = try request(
            #"{"jsonrpc":"2.0","id":7,"method":"X","params":{"name":"a:1","platform":"linux/arm64","list":["b"],"on":true,"no":null}}"#
        )
        #expect(request.id == 7 && request.method == "X")
        #expect(try request.params.string("name") == "a:1" && request.params.string("no") == nil)
        #expect(try request.params.strings("list") == ["b"] && request.params.flag("on") && !request.params.flag("off"))
        guard case .best(let platform) = try request.params.platform() else {
            Issue.record("not the one asked for")
            return
        }
        #expect(platform.architecture == "arm64")
        try request.params.only("name", "platform", "list", "on")
        #expect(throws: SwiftletError.self) { try request.params.only("name") }
        #expect(throws: SwiftletError.self) { try request.params.required("no") }
        #expect(throws: SwiftletError.self) { try request.params.flag("name") }
        #expect(throws: SwiftletError.self) { try request.params.strings("name") }
        #expect(throws: SwiftletError.self) { try request.params.string("list") }
    }

    @Test func onePlatformOrAll() throws {
        let head = #"{"jsonrpc":"2.0","id":1,"method":"X","params":"#
        guard case .all = try request(head + #"{"allPlatforms":true}}"#).params.platform() else {
            Issue.record("not all")
            return
        }
        #expect(throws: SwiftletError.self) {
            try request(head + #"{"allPlatforms":true,"platform":"linux/arm64"}}"#).params.platform()
        }
        #expect(throws: SwiftletError.self) { try request(head + #"{"platform":"///"}}"#).params.platform() }
    }

    @Test(arguments: [
        "", "x", "[]", "{}", #"{"jsonrpc":"2.0","method":"LoadImage"}"#, #"{"id":1,"method":"LoadImage"}"#,
        #"{"jsonrpc":"2.0","id":[],"method":"LoadImage"}"#, #"{"jsonrpc":"2.0","id":1}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"LoadImage","params":[]}"#,
    ])
    func refuses(_ line: String) {
        #expect(throws: SwiftletError.self) { try request(line) }
    }

    @Test func errorsCarryTheirCode() {
        let object = ImageErrorForm.object(.notFound("image", "x"))
        #expect(object["code"] == -32005)
        #expect(object[path: "data", "code"] == "NotFound")
    }
}

struct ExecExitsTests {
    @Test func aLostShimEndsItsExecsAndNoOthers() {
        let exits = ExecExits()
        let seen = Mutex<[String: Int32]>([:])
        for (id, sandbox) in [("a", "one"), ("b", "one"), ("c", "two")] {
            exits.expect(id, in: sandbox) { exit in seen.withLock { $0[id] = exit.code } }
        }
        exits.post("a", ExecEndTests.exit)
        exits.lost("one")
        exits.post("b", ExecEndTests.exit)
        #expect(seen.withLock { $0 } == ["a": 3, "b": 137])
    }
}
