import Synchronization

/// The hooks of a pod that is ending, so that they can be cut short when its time is.
final class RunningHooks: Sendable {
    private struct State {
        var isCut = false
        var tasks: [Task<Void, any Error>] = []
    }

    private let state = Mutex(State())

    /// Runs a hook to its end. Throws `CancellationError` once hooks are cut short.
    func run(_ hook: @escaping @Sendable () async throws -> Void) async throws {
        let task = Task(operation: hook)
        let isCut = state.withLock { state in
            state.tasks.append(task)
            return state.isCut
        }
        if isCut { task.cancel() }
        try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    func cut() {
        let tasks = state.withLock { state in
            state.isCut = true
            return state.tasks
        }
        for task in tasks { task.cancel() }
    }
}
