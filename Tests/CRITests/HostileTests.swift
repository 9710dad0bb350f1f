import Errors
import JSON
import Synchronization
import Testing

@testable import CRI

/// What one client does harms nobody else.
@Suite(.timeLimit(.minutes(3)), .serialized) struct HostileTests {
    private let version = #"{"jsonrpc":"2.0","id":1,"method":"Version"}"# + "\n"

    @Test func aLineOf100MegabytesIsRefusedEarly() async throws {
        try await Daemon.with { daemon in
            let wire = try daemon.wire()
            let sent = await wire.send([UInt8](repeating: UInt8(ascii: "x"), count: 100 << 20))
            #expect(sent < 20 << 20)
            let answer = await wire.line()
            #expect(answer?["error"]?["code"] == -32600)
            #expect(answer?["error"]?["message"]?.string?.contains("at most 16777216 bytes") == true)
            #expect(await wire.line() == nil)
            _ = try await daemon.client.version(.init())
        }
    }

    @Test func theLongestLineIsServed() async throws {
        var limits = JSONRPCServer.Limits()
        limits.lineLength = 1000
        try await Daemon.with(limits) { daemon in
            let wire = try daemon.wire()
            let line = version.dropLast()
            await wire.send(line + String(repeating: " ", count: 1000 - line.utf8.count) + "\n")
            #expect(await wire.line()?["id"] == 1)
            await wire.send(line + String(repeating: " ", count: 1001 - line.utf8.count) + "\n")
            #expect(await wire.line()?["error"]?["code"] == -32600)
        }
    }

    @Test func halfALineHoldsNobodyUp() async throws {
        try await Daemon.with { daemon in
            let half = try daemon.wire()
            await half.send(#"{"jsonrpc":"2.0","id":1,"#)
            _ = try await daemon.client.version(.init())
            await half.send(#""method":"Version"}"#)
            half.finishSending()
            // The last line may end with the input, and is still answered.
            #expect(await half.line()?["id"] == 1)
            #expect(await half.line() == nil)
        }
    }

    @Test func aClientThatNeverReadsIsDropped() async throws {
        var limits = JSONRPCServer.Limits()
        limits.pendingBytes = 1 << 20
        try await Daemon.with(limits) { daemon in
            daemon.service.answers.withLock {
                $0["ExecSync"] = CRIExecSyncResponse.with { $0.stdout = .init(repeating: 1, count: 1 << 20) }
            }
            let wire = try daemon.wire()
            var sent = 0
            var total = 0
            // Goes on until the server hangs up.
            repeat {
                let line = #"{"jsonrpc":"2.0","id":1,"method":"ExecSync","params":{"containerId":"c"}}"# + "\n"
                let text = String(repeating: line, count: 100)
                sent = await wire.send(text)
                total += 1
                if sent < text.utf8.count { break }
            } while total < 10_000
            #expect(total < 10_000)
            _ = try await daemon.client.version(.init())
        }
    }

    @Test func requestsInFlightAreBounded() async throws {
        var limits = JSONRPCServer.Limits()
        limits.requestsInFlight = 4
        let gate = Gate()
        try await Daemon.with(limits, extra: { $0.register("Wait") { _ in await gate.pass() } }) { daemon in
            let wire = try daemon.wire()
            for id in 0..<12 { await wire.send(#"{"jsonrpc":"2.0","id":\#(id),"method":"Wait"}"# + "\n") }
            await gate.waitFor(4)
            _ = try await daemon.client.version(.init())
            #expect(await gate.most == 4)
            await gate.open()
            var ids: Set<Int64> = []
            for _ in 0..<12 { if let id = await wire.line()?["id"]?.int { ids.insert(id) } }
            #expect(ids == Set(0..<12))
            #expect(await gate.most <= 4)
        }
    }

    @Test func aConnectionThatGoesCancelsItsRequests() async throws {
        let gate = Gate()
        try await Daemon.with(extra: { $0.register("Wait") { _ in await gate.pass() } }) { daemon in
            do {
                let wire = try daemon.wire()
                await wire.send(#"{"jsonrpc":"2.0","id":1,"method":"Wait"}"# + "\n")
                await gate.waitFor(1)
            }
            await gate.waitForCancel()
        }
    }

    @Test func manyConnectionsAtOnce() async throws {
        try await Daemon.with { daemon in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        let client = RuntimeClient(socketPath: daemon.path)
                        for _ in 0..<20 { _ = try await client.status(.init()) }
                        await client.close()
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}

/// Requests wait here until it is opened.
actor Gate {
    private var isOpen = false
    private var inside = 0
    private(set) var most = 0
    private var passers: [Int: CheckedContinuation<Void, Never>] = [:]
    private var next = 0
    private var cancelled = false
    private var changed: [CheckedContinuation<Void, Never>] = []

    func pass() async -> JSONValue {
        inside += 1
        most = max(most, inside)
        next += 1
        let key = next
        notify()
        await withTaskCancellationHandler {
            await withCheckedContinuation { if isOpen { $0.resume() } else { passers[key] = $0 } }
        } onCancel: {
            Task { await self.cancel(key) }
        }
        inside -= 1
        return [:]
    }

    private func cancel(_ key: Int) {
        cancelled = true
        passers.removeValue(forKey: key)?.resume()
        notify()
    }

    func open() {
        isOpen = true
        for passer in passers.values { passer.resume() }
        passers = [:]
    }

    func waitFor(_ count: Int) async { while inside < count { await change() } }
    func waitForCancel() async { while !cancelled { await change() } }

    private func change() async { await withCheckedContinuation { changed.append($0) } }
    private func notify() {
        for continuation in changed { continuation.resume() }
        changed = []
    }
}
