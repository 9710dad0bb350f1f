import CRI
import Errors
import KubeAPI

extension API {
    /// `pods/NAME/log`: the bytes a container wrote.
    func log(_ key: ObjectKey, _ request: Request, _ responder: Responder) async throws {
        let options = try logOptions(request)
        let container = try PodContainer(try Pod(try await objects.get(key)), named: request.query("container"))
        let id = try container.loggedID(previous: try request.flag("previous"))
        let status = try await runtime.containerStatus(.with { $0.containerID = id }).status
        guard !status.logPath.isEmpty else {
            throw APIFailure.badRequest("container \(container.spec.name) of pod \(key.name) keeps no log")
        }
        let runs = status.state == .containerRunning || status.state == .containerCreated
        let log = ContainerLog(path: status.logPath, options: options)
        try await responder.begin(200, "text/plain; charset=utf-8", endless: options.follow)
        let ended = options.follow && runs ? containerEnd(id) : AsyncStream { $0.finish() }
        do {
            try await log.read(ended: ended) { try await responder.write($0) }
        } catch let error as SwiftletError where error.code == .notFound {
            // The container has written nothing yet, or its log was removed: there is nothing to send.
        }
        try await responder.end()
    }

    private func logOptions(_ request: Request) throws -> LogOptions {
        var options = LogOptions()
        options.follow = try request.flag("follow")
        options.timestamps = try request.flag("timestamps")
        options.tailLines = try request.integer("tailLines").flatMap { $0 < 0 ? nil : $0 }
        options.limitBytes = try request.integer("limitBytes")
        if let limit = options.limitBytes, limit < 1 { throw invalid("limitBytes", "must be greater than 0") }
        let seconds = try request.integer("sinceSeconds")
        if let seconds, seconds < 1 { throw invalid("sinceSeconds", "must be greater than 0") }
        let time = request.query("sinceTime").flatMap { $0.isEmpty ? nil : $0 }
        if seconds != nil, time != nil {
            throw invalid("sinceSeconds", "at most one of `sinceTime` or `sinceSeconds` may be specified")
        }
        options.since = try time.map { try Timestamp(rfc3339: $0) } ?? seconds.map { objects.now() + -$0 }
        switch request.query("stream") {
        case nil, "", "All": break
        case "Stdout": options.stream = .stdout
        case "Stderr": options.stream = .stderr
        default: throw invalid("stream", "must be All, Stdout or Stderr")
        }
        return options
    }

    private func invalid(_ field: String, _ message: String) -> APIFailure {
        APIFailure.refused("PodLogOptions", "", [Fault(reason: .invalid, path: field, message: message)])
    }

    /// Gives an element once the container has ended, or is not there any more.
    private func containerEnd(_ id: String) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        let runtime = runtime
        let logger = logger
        let task = Task {
            defer { continuation.finish() }
            do {
                var events = runtime.getContainerEvents(CRIGetEventsRequest()).makeAsyncIterator()
                // Asked after the events are subscribed to: an end in between shows in one or the other.
                let status = try await runtime.containerStatus(.with { $0.containerID = id }).status
                if status.state == .containerExited { return }
                while let event = try await events.next() {
                    guard event.containerID == id else { continue }
                    if event.containerEventType == .containerStoppedEvent
                        || event.containerEventType == .containerDeletedEvent
                    {
                        return
                    }
                }
            } catch {
                if !Task.isCancelled {
                    logger.warning("following a log ends early", metadata: ["container": "\(id)", "error": "\(error)"])
                }
            }
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }
}
