import APIClient
import ArgumentParser
import Dispatch
import Errors
import Glibc
import JSON
import LinuxSystem
import Streaming

/// Exec into or attach to a container, wired to this process's own standard streams.
struct PodSession {
    let api: APIClient
    let socketPath: String
    let namespace: String
    let pod: String
    let container: String?
    let input: Bool
    let terminal: Bool

    /// Runs a command; returns its exit status.
    func exec(_ command: [String]) async throws -> Int32 {
        try await run("exec", command.map { ("command", $0) })
    }

    /// To the container's own process; with `orLogs`, what it wrote when it has ended already.
    func attach(orLogs: Bool = false) async throws -> Int32 {
        do { return try await run("attach", []) } catch let error as SwiftletError
            where orLogs && error.code != .unavailable
        {
            let query = container.map { [(name: "container", value: $0)] } ?? []
            try await api.stream(
                .init(
                    .GET, APIPath.core("pods", namespace: namespace, name: pod, subresource: "log"), query: query,
                    accept: "*/*")
            ) { try Console.write(Array($0.readableBytesView), to: STDOUT_FILENO) }
            return 0
        }
    }

    private func run(_ verb: String, _ command: [(String, String)]) async throws -> Int32 {
        // As kubectl: without a terminal on this side none is asked for on the other, and a pipe's end arrives as one.
        let terminal = terminal && input && Console.isTerminal(STDIN_FILENO)
        if self.terminal, input, !terminal {
            Console.error("Unable to use a TTY - input is not a terminal or the right kind of file")
        }
        var query = command
        if let container { query.append(("container", container)) }
        query += [("stdin", "\(input)"), ("stdout", "true"), ("stderr", "\(!terminal)"), ("tty", "\(terminal)")]
        let path = APIPath.core("pods", namespace: namespace, name: pod, subresource: verb)
        let uri = path + "?" + query.map { "\($0.0)=\(percentEncoded($0.1))" }.joined(separator: "&")
        let session = try await StreamClient.open(to: StreamTarget(socketPath: socketPath, uri: uri))
        let raw = try terminal ? RawTerminal() : nil
        let resizer = terminal ? try await Resizer(session) : nil
        defer {
            resizer?.cancel()
            raw?.restore()
        }
        let sender = input ? Task { try await PodSession.send(to: session) } : nil
        defer { sender?.cancel() }
        for try await (channel, bytes) in session.output {
            try Console.write(bytes, to: channel == .stderr ? STDERR_FILENO : STDOUT_FILENO)
        }
        raw?.restore()
        switch try await session.result() {
        case .success: return 0
        case .exit(let code): return code
        case .failure(let error): throw error
        }
    }

    private static func send(to session: ClientSession) async throws {
        for try await bytes in StandardInputStream() { try await session.write(bytes) }
        try await session.closeStdin()
    }
}

/// Tells the container's terminal each size of ours.
private final class Resizer {
    private let source: any DispatchSourceSignal
    private let task: Task<Void, any Error>

    init(_ session: ClientSession) async throws {
        let (sizes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        source = DispatchSource.makeSignalSource(signal: SIGWINCH, queue: .global())
        source.setEventHandler { changed.yield() }
        source.resume()
        try await Resizer.send(session)
        task = Task { for await _ in sizes { try await Resizer.send(session) } }
    }

    private static func send(_ session: ClientSession) async throws {
        // No terminal on our side has no size to tell.
        guard let size = try? LinuxSystem.Terminal.size(of: STDIN_FILENO), size.columns > 0 else { return }
        try await session.resize(.init(width: size.columns, height: size.rows))
    }

    func cancel() {
        source.cancel()
        task.cancel()
    }
}
