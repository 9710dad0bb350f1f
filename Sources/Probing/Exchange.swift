import Glibc
import NIOCore
import NIOPosix

/// Why a connection gave no answer.
enum ExchangeFault: Error, Equatable {
    /// No connection came about: `connection refused`.
    case dial(String)
    case timedOut
    /// The other side hung up before it answered, or answered what makes no sense.
    case broken(String)
}

/// One connection, from its making to the answer or the end of the time; closed in any case.
///
/// `prepare` adds the handlers, which complete the promise. Errors: `ExchangeFault`, `CancellationError`.
func exchange<Answer: Sendable>(
    _ endpoint: Endpoint, timeout: Duration,
    prepare: @escaping @Sendable (any Channel, EventLoopPromise<Answer>) throws -> Void
) async throws -> Answer {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let promise = loop.makePromise(of: Answer.self)
    let timer = loop.scheduleTask(in: TimeAmount(timeout)) { promise.fail(ExchangeFault.timedOut) }
    promise.futureResult.whenComplete { _ in timer.cancel() }
    let connection = ClientBootstrap(group: loop)
        .connectTimeout(TimeAmount(timeout))
        .channelInitializer { channel in channel.eventLoop.makeCompletedFuture { try prepare(channel, promise) } }
        .connect(host: endpoint.host, port: Int(endpoint.port))
    connection.whenFailure { promise.fail(dialFault($0)) }
    connection.whenSuccess { channel in
        promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in promise.fail(ExchangeFault.broken("EOF")) }
    }
    return try await withTaskCancellationHandler {
        try await promise.futureResult.get()
    } onCancel: {
        promise.fail(CancellationError())
    }
}

/// Of several addresses the last one's error.
private func dialFault(_ error: any Error) -> ExchangeFault {
    switch error {
    case let error as NIOConnectionError:
        if let last = error.connectionErrors.last { return dialFault(last.error) }
        return .dial("lookup \(error.host): no such host")
    case let error as IOError:
        return error.errnoCode == ETIMEDOUT
            ? .timedOut : .dial("connect: \(String(cString: strerror(error.errnoCode)).lowercased())")
    case ChannelError.connectTimeout: return .timedOut
    default: return .dial("\(error)")
    }
}
