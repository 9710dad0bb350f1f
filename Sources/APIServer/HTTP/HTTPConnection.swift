import Errors
import NIOCore
import NIOHTTP1
import NIOPosix

/// One connection of the API: gathers a request within the limits, has it answered, takes the next.
final class HTTPConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    typealias Answer = @Sendable (Request, Responder) async -> Void

    /// A larger body is answered with 413.
    static let maxBody = 3 << 20
    /// From a request's first byte to its last.
    static let requestTime = TimeAmount.seconds(30)
    /// Without a request.
    static let idleTime = TimeAmount.minutes(10)

    private enum State {
        case waiting
        case receiving(HTTPRequestHead, ByteBuffer)
        /// The answer was made before the request's end. What still comes is thrown away, so that the client gets to
        /// read the answer; the connection closes when both are over.
        case refusing(answered: Bool, received: Bool)
        case answering(Task<Void, Never>, Responder)
        /// No more requests are read: another protocol has taken over, or the connection closes.
        case done
    }

    private let answer: Answer
    private var state = State.waiting
    private var deadline: Scheduled<Void>?
    private var context: ChannelHandlerContext?
    private var clientIsDone = false

    init(answer: @escaping Answer) { self.answer = answer }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelActive(context: ChannelHandlerContext) {
        wait(Self.idleTime, context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        // Taken over: the task goes on and owns what follows.
        deadline?.cancel()
        self.context = nil
        state = .done
    }

    private func finish() {
        deadline?.cancel()
        if case .answering(let task, _) = state { task.cancel() }
        state = .done
    }

    private func wait(_ time: TimeAmount, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .waiting): begin(head, context)
        case (.body(var bytes), .receiving(let head, var body)):
            state = .waiting
            body.writeBuffer(&bytes)
            if body.readableBytes > Self.maxBody {
                refuse(head, .tooLarge(Self.maxBody), context)
            } else {
                state = .receiving(head, body)
            }
        case (.end, .receiving(let head, let body)): dispatch(head, body, context)
        case (.end, .refusing(let answered, _)): refused(answered: answered, received: true)
        default: break
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        wait(Self.requestTime, context)
        if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }), length > Self.maxBody {
            return refuse(head, .tooLarge(Self.maxBody), context)
        }
        if head.headers[canonicalForm: "expect"].contains(where: { $0.lowercased() == "100-continue" }) {
            let go = HTTPResponseHead(version: head.version, status: .continue)
            context.writeAndFlush(wrapOutboundOut(.head(go)), promise: nil)
        }
        state = .receiving(head, context.channel.allocator.buffer(capacity: 0))
    }

    private func dispatch(_ head: HTTPRequestHead, _ body: ByteBuffer, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let responder = Responder(bound, channel: context.channel, request: head)
        let request: Request
        do { request = try Request(head: head, body: Array(body.readableBytesView)) } catch {
            refuse(head, APIFailure(error), context)
            return refused(answered: false, received: true)
        }
        let (answer, loop) = (answer, context.eventLoop)
        let task = Task {
            await answer(request, responder)
            loop.execute { bound.value.answered() }
        }
        state = .answering(task, responder)
    }

    private func answered() {
        guard case .answering = state, let context else { return }
        state = .waiting
        if clientIsDone { context.close(promise: nil) } else { wait(Self.idleTime, context) }
    }

    private func refuse(_ head: HTTPRequestHead, _ failure: APIFailure, _ context: ChannelHandlerContext) {
        state = .refusing(answered: false, received: false)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let responder = Responder(bound, channel: context.channel, request: head)
        let loop = context.eventLoop
        Task {
            // What cannot be sent has no reader any more, and the connection closes either way.
            try? await responder.send(failure: failure, headers: [("Connection", "close")])
            loop.execute { bound.value.refused(answered: true, received: false) }
        }
    }

    private func refused(answered: Bool, received: Bool) {
        guard case .refusing(let before, let already) = state else { return }
        state = .refusing(answered: answered || before, received: received || already)
        if answered || before, received || already { context?.close(promise: nil) }
    }

    /// Fails when the connection is closed or another protocol's.
    func send(_ parts: [ResponsePart]) -> EventLoopFuture<Void> {
        guard let context else {
            // Only reached after the pipeline let go of this handler; there is no loop to make a future of but the group's.
            return MultiThreadedEventLoopGroup.singleton.any().makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        let promise = context.eventLoop.makePromise(of: Void.self)
        for (index, part) in parts.enumerated() {
            let written = index == parts.count - 1 ? promise : nil
            switch part {
            case .head(let head): context.write(wrapOutboundOut(.head(head)), promise: written)
            case .body(let bytes): context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: written)
            case .end: context.write(wrapOutboundOut(.end(nil)), promise: written)
            }
        }
        context.flush()
        return promise.futureResult
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A client that says it will send no more may still read an answer under way, but what streams without end must
        // not go on for one that has left.
        if case ChannelEvent.inputClosed = event {
            switch state {
            case .answering(let task, let responder):
                clientIsDone = true
                if responder.isEndless { task.cancel() }
            case .done: break
            default: context.close(promise: nil)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish()
        context.close(promise: nil)
    }
}
