import Errors
import Glibc
import LinuxSystem

/// One run of a program that nobody vouches for: bounded in time, and in what it may print.
struct PluginProcess {
    var path: String
    /// All of it.
    var environment: [String]
    var input: [UInt8]
    var timeLimit: Duration
    /// Of a `PluginTurn`, if there is one: inherited.
    var turn: Int32?

    static let turnDescriptor = 3

    /// More than any result is.
    static let outputLimit = 1 << 20
    /// Of the messages only the end is kept.
    static let messageLimit = 16 << 10

    enum End: Equatable {
        case exited(ProcessExit)
        case timedOut
        case printedTooMuch
    }

    struct Outcome {
        var end: End
        var output: [UInt8] = []
        /// The end of what it wrote to its standard error.
        var messages: [UInt8] = []
    }

    /// Blocks until it has ended or was killed, with its process group. What it leaves running in the background is not
    /// waited for.
    func run() throws(SwiftletError) -> Outcome {
        let input = try memoryFile("cni-input", holding: input)
        let output = try PipeEnds()
        let messages = try PipeEnds()
        let process = try ProcessSpawn(
            path: path, arguments: [path], environment: environment,
            descriptors: [input.raw, output.write.raw, messages.write.raw] + (turn.map { [$0] } ?? [])
        ).start()
        var readers = Readers(output: output.read.raw, messages: messages.read.raw)
        let end: End
        do throws(SwiftletError) {
            if let turn { try PluginTurn.note(process.pid, in: turn) }
            try setNonBlocking(output.read.raw)
            try setNonBlocking(messages.read.raw)
            end = try follow(process, &readers)
        } catch {
            _ = try PluginProcess.kill(process)
            throw error
        }
        return Outcome(end: end, output: readers.output.bytes, messages: readers.messages.bytes)
    }

    private func follow(_ process: borrowing ProcessHandle, _ readers: inout Readers) throws(SwiftletError) -> End {
        let deadline = ContinuousClock.now + timeLimit
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            if left <= .zero {
                try PluginProcess.kill(process)
                return .timedOut
            }
            let hasEnded = try readers.wait(
                or: process.descriptor.raw, milliseconds: Int32(left / .milliseconds(1)) + 1)
            // What it printed is in the pipes by the time it has ended.
            try readers.take()
            if readers.output.overflowed {
                try PluginProcess.kill(process)
                return .printedTooMuch
            }
            if hasEnded, let exit = try process.reap() { return .exited(exit) }
        }
    }

    /// It is in a session, and so in a process group, of its own; the number is its own until it is reaped.
    @discardableResult
    private static func kill(_ process: borrowing ProcessHandle) throws(SwiftletError) -> ProcessExit? {
        _ = Glibc.kill(-process.pid, SIGKILL)
        guard try process.wait(timeoutMilliseconds: 5000) else {
            throw SwiftletError(.deadlineExceeded, "it survives SIGKILL", object: "process \(process.pid)")
        }
        return try process.reap()
    }
}

/// What a program prints, as it comes.
private struct Readers {
    struct Reader {
        let descriptor: Int32
        let limit: Int
        /// Whether the end is what counts; otherwise more than the limit is an overflow.
        let keepsEnd: Bool
        var bytes: [UInt8] = []
        var overflowed = false
        var isAtEnd = false

        /// What is there, of a gigabyte a part: the caller looks at the clock in between.
        mutating func take() throws(SwiftletError) {
            var buffer = [UInt8](repeating: 0, count: 65536)
            for _ in 0..<64 where !isAtEnd && !overflowed {
                let count = read(descriptor, &buffer, buffer.count)
                if count < 0 {
                    if lastError() == EAGAIN { return }
                    if lastError() == EINTR { continue }
                    throw systemError(lastError(), "read", "what the plugin prints")
                }
                isAtEnd = count == 0
                bytes += buffer[..<count]
                guard bytes.count > limit else { continue }
                if keepsEnd { bytes.removeFirst(bytes.count - limit) } else { overflowed = true }
            }
        }
    }

    var output: Reader
    var messages: Reader

    init(output: Int32, messages: Int32) {
        self.output = Reader(descriptor: output, limit: PluginProcess.outputLimit, keepsEnd: false)
        self.messages = Reader(descriptor: messages, limit: PluginProcess.messageLimit, keepsEnd: true)
    }

    mutating func take() throws(SwiftletError) {
        try output.take()
        try messages.take()
    }

    /// Until there is something to read, the process has ended (true) or the time is over.
    func wait(or process: Int32, milliseconds: Int32) throws(SwiftletError) -> Bool {
        var items = [process, output.isAtEnd ? -1 : output.descriptor, messages.isAtEnd ? -1 : messages.descriptor]
            .map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        if poll(&items, nfds_t(items.count), milliseconds) < 0, lastError() != EINTR {
            throw systemError(lastError(), "poll")
        }
        return items[0].revents != 0
    }
}
