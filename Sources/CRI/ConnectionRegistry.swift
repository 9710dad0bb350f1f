import Synchronization

/// Counts the requests in flight over all connections of a server, so that its shutdown can wait for them.
final class ConnectionRegistry: Sendable {
    private struct State {
        var inFlight = 0
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0
    }
    private let state = Mutex(State())

    func began() { state.withLock { $0.inFlight += 1 } }

    func ended() {
        let idle = state.withLock { state in
            state.inFlight -= 1
            guard state.inFlight == 0 else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for continuation in idle { continuation.resume() }
    }

    func waitUntilIdle(atMost limit: Duration) async {
        await withTaskGroup { group in
            group.addTask { await self.waitUntilIdle() }
            // Cancelled once the requests are done, and so needs no answer.
            group.addTask { try? await Task.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
    }

    private func waitUntilIdle() async {
        let key = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let idle = state.withLock { state in
                    if state.inFlight > 0, !Task.isCancelled { state.waiting[key] = continuation }
                    return state.waiting[key] == nil
                }
                if idle { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: key) }?.resume()
        }
    }
}
