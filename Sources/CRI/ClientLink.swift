import Errors
import LocalSockets
import NIOCore
import Synchronization

/// The connection of a client, made when it is first needed and again after it was lost.
final class ClientLink: Sendable {
    private enum State {
        case idle
        case connecting(Task<ClientConnection, any Error>)
        case connected(ClientConnection)
    }

    private let path: String
    private let group: any EventLoopGroup
    private let state = Mutex(State.idle)

    init(_ path: String, _ group: any EventLoopGroup) {
        self.path = path
        self.group = group
    }

    func connection() async throws -> ClientConnection {
        enum Step {
            case use(ClientConnection)
            case wait(Task<ClientConnection, any Error>)
        }
        let step: Step = state.withLock { state in
            switch state {
            case .connected(let connection) where connection.isOpen: return .use(connection)
            case .connecting(let task): return .wait(task)
            case .idle, .connected:
                let task = Task { try await self.connect() }
                state = .connecting(task)
                return .wait(task)
            }
        }
        switch step {
        case .use(let connection): return connection
        case .wait(let task): return try await task.value
        }
    }

    private func connect() async throws -> ClientConnection {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        do {
            let connection = try await ClientConnection.open(
                path, group, hint: "is swiftletd running? start it with: swiftletd --run \(printable(folder))")
            state.withLock { $0 = .connected(connection) }
            return connection
        } catch {
            state.withLock { $0 = .idle }
            throw error
        }
    }

    func close() async {
        let old = state.withLock { state in
            defer { state = .idle }
            return state
        }
        switch old {
        case .idle: break
        case .connected(let connection): await connection.close()
        case .connecting(let task):
            // A connection that failed needs no closing.
            if let connection = try? await task.value { await connection.close() }
        }
    }
}
