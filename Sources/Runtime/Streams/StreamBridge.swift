import Errors
import Launch
import Streaming

/// The daemon's ends of a process's streams.
struct BridgedStreams: Sendable {
    var input: StreamDescriptor?
    var output: StreamDescriptor?
    var errors: StreamDescriptor?
    /// Where sizes go; nil without a terminal.
    var terminal: StreamDescriptor?
}

/// Copies between a process's streams and a client until the process ends.
struct StreamBridge: Sendable {
    let streams: BridgedStreams
    let session: StreamSession
    /// Sizes of a terminal that is not at hand, as a container's is the shim's.
    var resize: (@Sendable (Streaming.TerminalSize) async throws -> Void)?

    private enum Part { case output, other }

    /// `end` is waited for beside the copying; when it comes, what the process wrote is passed on before this returns.
    func run<End: Sendable>(until end: @escaping @Sendable () async -> End) async throws -> End {
        let feeder = Task { try await feed() }
        let sizes = Task { await followSizes() }
        defer {
            feeder.cancel()
            sizes.cancel()
            streams.input?.finish()
        }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await copy(streams.output, to: .stdout) }
            group.addTask { try await copy(streams.errors, to: .stderr) }
            let result = await end()
            // Descendants may hold the streams open for as long as they like: only what is there already counts.
            streams.output?.finish()
            streams.errors?.finish()
            try await group.waitForAll()
            return result
        }
    }

    /// Until both outputs have ended of themselves.
    func runToEnd() async throws {
        let feeder = Task { try await feed() }
        let sizes = Task { await followSizes() }
        defer {
            feeder.cancel()
            sizes.cancel()
            streams.input?.finish()
        }
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await copy(streams.output, to: .stdout) }
                group.addTask { try await copy(streams.errors, to: .stderr) }
                if streams.output == nil, streams.errors == nil { group.addTask { try await feeder.value } }
                try await group.waitForAll()
            }
        } onCancel: {
            streams.output?.finish()
            streams.errors?.finish()
            feeder.cancel()
        }
    }

    private func copy(_ stream: StreamDescriptor?, to channel: StreamChannel) async throws {
        guard let stream else { return }
        while let bytes = try await stream.read() { try await session.write(bytes, to: channel) }
    }

    /// The client's input, until it ends or nobody reads it any more; then the process sees the end of its input.
    private func feed() async throws {
        guard let input = streams.input else {
            // Read all the same: an unread stream would hold up the messages behind it.
            for try await _ in session.stdin {}
            return
        }
        defer { input.close() }
        var last: UInt8?
        for try await bytes in session.stdin {
            guard try await input.write(bytes) else { return }
            last = bytes.last ?? last
        }
        if streams.terminal != nil { _ = try await input.write(Self.endOfInput(after: last)) }
    }

    /// What a terminal's process is told the end of its input by: Ctrl-D (termios(3), VEOF), which closing the master cannot
    /// say while its output is still wanted. Within a line the first one only ends the line.
    private static func endOfInput(after last: UInt8?) -> [UInt8] {
        let isWithinLine = last.map { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") } ?? false
        return isWithinLine ? [4, 4] : [4]
    }

    private func followSizes() async {
        for await size in session.resizes {
            do {
                if let resize {
                    try await resize(size)
                } else {
                    try streams.terminal?.resize(columns: size.width, rows: size.height)
                }
            } catch {
                // The terminal went with its process; the next word is its exit.
                return
            }
        }
    }
}
