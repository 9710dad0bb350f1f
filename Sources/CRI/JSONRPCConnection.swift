import Errors
import JSON
import NIOCore
import Synchronization

/// One client of a `JSONRPCServer`: answers its lines, each in a task of its own.
final class JSONRPCConnection: Sendable {
    private let channel: any Channel
    private let writer: LineWriter
    private let methods: MethodTable
    private let limits: JSONRPCServer.Limits
    private let registry: ConnectionRegistry
    private let state = Mutex(State())

    private struct State {
        var closed = false
        /// No more requests will come; the connection closes after the last stream.
        var drained = false
        var nextKey = 0
        /// How to cancel what is going on. `id` is that of the request, as JSON text.
        var running: [Int: (id: String?, cancel: @Sendable () -> Void)] = [:]
        /// What `rpc.cancel` asked for of lines before its own that nobody has read yet: ids, and the key of its own line.
        var earlyCancels: [(id: String, key: Int)] = []
        var streams = 0

        /// Whether a request of the line with that key was cancelled before anybody knew its id.
        func isCancelledEarly(_ id: String, line: Int) -> Bool {
            earlyCancels.contains { $0.id == id && line < $0.key }
        }

        mutating func forget(_ key: Int) {
            running[key] = nil
            earlyCancels = earlyCancels.filter { hasUnread(before: $0.key) }
        }

        func hasUnread(before key: Int) -> Bool { running.contains { $0.key < key && $0.value.id == nil } }
    }

    /// On the channel's event loop.
    static func start(
        _ channel: any Channel, methods: MethodTable, limits: JSONRPCServer.Limits, registry: ConnectionRegistry
    ) throws {
        let connection = JSONRPCConnection(channel, methods, limits, registry)
        let done = DoneSignal()
        let handler = LineHandler(
            maxLine: limits.lineLength, maxBusy: limits.requestsInFlight,
            events: .init(
                line: { [done] line in connection.took(line, done) }, tooLong: { connection.tooLong() },
                drained: { connection.drained() }, closed: { connection.closed() }))
        done.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    /// Set once, on the event loop, before the first line.
    private final class DoneSignal {
        var handler: NIOLoopBound<LineHandler>?
    }

    private init(
        _ channel: any Channel, _ methods: MethodTable, _ limits: JSONRPCServer.Limits, _ registry: ConnectionRegistry
    ) {
        self.channel = channel
        self.methods = methods
        self.limits = limits
        self.registry = registry
        writer = LineWriter(channel, maxPending: limits.pendingBytes, stall: limits.stall)
    }

    // MARK: Events of the line handler, on the event loop

    private func took(_ line: [UInt8], _ done: DoneSignal) {
        guard let handler = done.handler else { return }
        let loop = channel.eventLoop
        registry.began()
        let started = run(id: nil) { key in
            await self.answer(line, task: key)
            self.registry.ended()
            loop.execute { handler.value.lineDone() }
        }
        if !started { registry.ended() }
    }

    private func tooLong() {
        let error = JSONRPCError(
            JSONRPCError.invalidRequest,
            SwiftletError(
                .resourceExhausted, "a line may have at most \(limits.lineLength) bytes", object: "request",
                hint: "end every request with a newline"))
        run(id: nil) { _ in
            await self.send(JSONRPCLine.error(id: .null, error))
            self.channel.close(promise: nil)
        }
    }

    private func drained() {
        let idle = state.withLock { state in
            state.drained = true
            return state.streams == 0
        }
        if idle { channel.close(promise: nil) }
    }

    private func closed() {
        let running = state.withLock { state in
            state.closed = true
            return state.running.values
        }
        for (_, cancel) in running { cancel() }
    }

    // MARK: Tasks

    @discardableResult
    private func run(id: String?, _ body: @escaping @Sendable (_ key: Int) async -> Void) -> Bool {
        state.withLock { state in
            guard !state.closed else { return false }
            let key = state.nextKey
            state.nextKey += 1
            // It waits for the lock before it removes itself, so it is always there by then.
            let task = Task {
                await body(key)
                self.forget(key)
            }
            state.running[key] = (id, { task.cancel() })
            return true
        }
    }

    /// nil when the connection is closed already.
    private func remember(id: String, line: Int, _ cancel: @escaping @Sendable () -> Void) -> Int? {
        let (key, isCancelled) = state.withLock { state -> (Int?, Bool) in
            guard !state.closed else { return (nil, false) }
            let key = state.nextKey
            state.nextKey += 1
            state.running[key] = (id, cancel)
            return (key, state.isCancelledEarly(id, line: line))
        }
        if isCancelled { cancel() }
        return key
    }

    /// A task whose request turned out to be this one: `rpc.cancel` finds it by that.
    private func name(_ key: Int, _ id: JSONValue) {
        let text = id.text()
        let cancel = state.withLock { state in
            state.running[key]?.id = text
            return state.isCancelledEarly(text, line: key) ? state.running[key]?.cancel : nil
        }
        cancel?()
    }

    private func forget(_ key: Int) { state.withLock { $0.forget(key) } }

    /// `key` is that of the line that asks for it: lines are read at the same time, and this one may be the first.
    private func cancel(_ id: JSONValue, key: Int) {
        let text = id.text()
        let found = state.withLock { state in
            if state.hasUnread(before: key) { state.earlyCancels.append((text, key)) }
            return state.running.values.filter { $0.id == text }
        }
        for (_, cancel) in found { cancel() }
    }

    // MARK: Answers

    private func answer(_ line: [UInt8], task: Int) async {
        let value: JSONValue
        do { value = try JSONValue.parse(line) } catch {
            let fault = JSONRPCError(JSONRPCError.parseError, error.during("parse", "request"))
            return await send(JSONRPCLine.error(id: .null, fault))
        }
        if case .array(let batch) = value { return await answer(batch: batch, task: task) }
        if let reply = await reply(to: value, task: task, inBatch: false) { await send(reply) }
    }

    private func answer(batch: [JSONValue], task: Int) async {
        guard !batch.isEmpty, batch.count <= limits.batchLength else {
            let refused = JSONRPCRequest.Refused(
                id: .null, "a batch has 1 to \(limits.batchLength) requests, this one has \(batch.count)")
            return await send(JSONRPCLine.error(id: .null, refused.error))
        }
        var replies: [Int: [UInt8]] = [:]
        await withTaskGroup(of: (Int, [UInt8]?).self) { group in
            for (index, request) in batch.enumerated() {
                if index >= limits.requestsInFlight, let (done, reply) = await group.next() { replies[done] = reply }
                group.addTask { (index, await self.reply(to: request, task: task, inBatch: true)) }
            }
            for await (done, reply) in group { replies[done] = reply }
        }
        guard !replies.isEmpty else { return }
        let lines = replies.sorted { $0.key < $1.key }.map { $0.value.dropLast() }
        await send([UInt8(ascii: "[")] + lines.joined(separator: [UInt8(ascii: ",")]) + Array("]\n".utf8))
    }

    /// The reply line; nil for a notification, and for a stream, which replies itself. `task` is that of the line.
    private func reply(to value: JSONValue, task: Int, inBatch: Bool) async -> [UInt8]? {
        let request: JSONRPCRequest
        switch JSONRPCRequest.read(value) {
        case .success(let good): request = good
        case .failure(let refused): return JSONRPCLine.error(id: refused.id, refused.error)
        }
        guard let id = request.id else {
            await notified(request, task)
            return nil
        }
        do {
            switch try methods.find(request.method) {
            case .unary(let call):
                guard !inBatch else {
                    return JSONRPCLine.result(
                        id: id, try await named(id, line: task) { try await call(request.params) })
                }
                // In this very task: one wake-up of a thread less.
                name(task, id)
                return JSONRPCLine.result(id: id, try await call(request.params))
            case .stream(let open):
                guard !inBatch else {
                    throw JSONRPCRequest.Refused(id: id, "\(request.method) is a stream and cannot be in a batch").error
                }
                try await stream(request.method, id, try open(request.params))
                return nil
            }
        } catch { return JSONRPCLine.error(id: id, Self.fault(error)) }
    }

    private func notified(_ request: JSONRPCRequest, _ task: Int) async {
        if request.method == "rpc.cancel" {
            if let id = request.params?["id"] { cancel(id, key: task) }
            return
        }
        // Notifications get no reply, not even of an error (JSON-RPC 2.0 section 4.1).
        guard case .unary(let call)? = try? methods.find(request.method) else { return }
        _ = try? await call(request.params)
    }

    /// Runs `call`, of the line with that key, in a task that `rpc.cancel` finds by the request's id.
    private func named(
        _ id: JSONValue, line: Int, _ call: @escaping @Sendable () async throws -> [UInt8]
    ) async throws -> [UInt8] {
        let task = Task { try await call() }
        guard let key = remember(id: id.text(), line: line, { task.cancel() }) else {
            task.cancel()
            throw CancellationError()
        }
        defer { forget(key) }
        return try await task.value
    }

    private func send(_ line: [UInt8]) async {
        // Fails only with the connection, whose end cancels everything here.
        try? await writer.write(line)
    }

    /// Errors in what was sent keep the specification's code; the service's own have theirs.
    private static func fault(_ error: any Error) -> JSONRPCError {
        if let error = error as? JSONRPCError { return error }
        return JSONRPCError(SwiftletError.wrapping(error))
    }

    // MARK: Streams

    private func stream(_ method: String, _ id: JSONValue, _ elements: @escaping ServedStream) async throws {
        let fits = state.withLock { state in
            guard state.streams < limits.streams else { return false }
            state.streams += 1
            return true
        }
        guard fits else {
            throw SwiftletError(
                .resourceExhausted, "\(limits.streams) streams are open on this connection", object: method,
                hint: "close some or use another connection")
        }
        await send(JSONRPCLine.result(id: id, Array("{}".utf8)))
        let writer = writer
        let started = run(id: id.text()) { _ in
            do {
                try await elements { element in
                    try await writer.write(JSONRPCLine.event(method, subscription: id, "result", element))
                }
                await self.send(JSONRPCLine.event(method, subscription: id, "end", Array("true".utf8)))
            } catch {
                let fault = Self.fault(error).json.serialized()
                await self.send(JSONRPCLine.event(method, subscription: id, "error", fault))
            }
            self.streamEnded()
        }
        if !started { streamEnded() }
    }

    private func streamEnded() {
        let last = state.withLock { state in
            state.streams -= 1
            return state.drained && state.streams == 0
        }
        if last { channel.close(promise: nil) }
    }
}
