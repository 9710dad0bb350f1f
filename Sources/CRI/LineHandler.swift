import Errors
import NIOCore

/// Cuts what a connection sends into lines and bounds what one peer can hold: the length of a line, and how many lines
/// are being worked on. At that bound nothing more is read from the socket, so the peer's own writes wait.
final class LineHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    struct Events {
        /// A line without its newline. Every call must be followed by one `lineDone`.
        var line: ([UInt8]) -> Void
        /// More than the longest line came without a newline; nothing is delivered after it.
        var tooLong: () -> Void
        /// The peer sends no more, and every line it sent is done.
        var drained: () -> Void
        /// The connection is gone.
        var closed: () -> Void
    }

    private let maxLine: Int
    private let maxBusy: Int
    private let events: Events
    private var context: ChannelHandlerContext?
    private var buffer = ByteBuffer()
    /// Bytes of `buffer` known to hold no newline.
    private var scanned = 0
    private var busy = 0
    private var readHeld = false
    private var inputClosed = false
    private var tooLong = false

    init(maxLine: Int, maxBusy: Int, events: Events) {
        self.maxLine = maxLine
        self.maxBusy = maxBusy
        self.events = events
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !tooLong else { return }
        var bytes = unwrapInboundIn(data)
        buffer.writeBuffer(&bytes)
        deliver()
    }

    func read(context: ChannelHandlerContext) {
        // After a line that is too long nothing more is wanted: the rest stays the sender's.
        if busy >= maxBusy || tooLong { readHeld = true } else { context.read() }
    }

    /// A line given to `Events.line` has had all its replies written.
    func lineDone() {
        busy -= 1
        deliver()
        if busy < maxBusy, readHeld, !tooLong {
            readHeld = false
            context?.read()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            inputClosed = true
            deliver()
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        events.closed()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func deliver() {
        while busy < maxBusy, !tooLong, let line = nextLine() {
            // A blank line is no message; people press Return.
            guard line.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\r") }) else { continue }
            busy += 1
            events.line(line)
        }
        if !tooLong, scanned > maxLine {
            tooLong = true
            buffer = ByteBuffer()
            events.tooLong()
        } else if inputClosed, busy == 0, buffer.readableBytes == 0, !tooLong {
            events.drained()
        }
    }

    private func nextLine() -> [UInt8]? {
        let view = buffer.readableBytesView
        if let end = view.dropFirst(scanned).firstIndex(of: JSONRPCLine.newline) {
            let length = end - view.startIndex
            guard length <= maxLine else {
                scanned = length
                return nil
            }
            let line = buffer.readBytes(length: length)
            buffer.moveReaderIndex(forwardBy: 1)
            scanned = 0
            if buffer.readableBytes == 0 {
                buffer = ByteBuffer()
            } else if buffer.readerIndex > 1 << 18 {
                buffer.discardReadBytes()
            }
            return line
        }
        scanned = buffer.readableBytes
        // The last line may lack its newline when the peer has finished sending.
        guard inputClosed, scanned > 0, scanned <= maxLine else { return nil }
        scanned = 0
        defer { buffer = ByteBuffer() }
        return buffer.readBytes(length: buffer.readableBytes)
    }
}
