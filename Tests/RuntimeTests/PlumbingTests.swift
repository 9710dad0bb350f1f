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
    @Test func readsItsParameters() throws {
        var id = JSONValue.null
        let line = Array(
            #"{"jsonrpc":"2.0","id":7,"method":"LoadImage","params":{"name":"a:1","platform":"linux/arm64"}}"#.utf8)
        let (number, options) = try ImageRequest.parse(line, id: &id)
        #expect(number == 7 && options.name == "a:1" && options.platform.architecture == "arm64")
    }

    @Test(arguments: [
        "", "x", "[]", "{}", #"{"jsonrpc":"2.0","method":"LoadImage"}"#, #"{"id":1,"method":"LoadImage"}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"Other"}"#, #"{"jsonrpc":"2.0","id":1,"method":"LoadImage","params":[]}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"LoadImage","params":{"x":"y"}}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"LoadImage","params":{"name":5}}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"LoadImage","params":{"platform":"///"}}"#,
    ])
    func refuses(_ line: String) {
        var id = JSONValue.null
        #expect(throws: SwiftletError.self) { try ImageRequest.parse(Array(line.utf8), id: &id) }
    }

    @Test func errorsCarryTheirCode() {
        let object = ImageRequest.errorObject(.notFound("image", "x"))
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
