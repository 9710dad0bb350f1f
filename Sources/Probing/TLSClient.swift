import CTLS
import NIOCore

/// The client's side of TLS, by OpenSSL between two buffers in memory. No certificate is verified: a probe asks how a
/// server is, not who it is, and Kubernetes' probes do the same.
final class TLSClient: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session: Session
    private var isReady = false
    private var waiting: [(ByteBuffer, EventLoopPromise<Void>?)] = []

    /// Errors: `ExchangeFault.broken`.
    init(serverName: String) throws { session = try Session(serverName: serverName) }

    func channelActive(context: ChannelHandlerContext) {
        advance(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        session.received(unwrapInboundIn(data).readableBytesView)
        advance(context)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        waiting.append((unwrapOutboundIn(data), promise))
        if isReady { sendWaiting(context) }
    }

    private func advance(_ context: ChannelHandlerContext) {
        do {
            if !isReady { isReady = try session.handshake() }
            if isReady {
                sendWaiting(context)
                while let bytes = try session.read() {
                    context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: bytes)))
                }
            }
        } catch {
            context.fireErrorCaught(error)
            return
        }
        flushSession(context)
    }

    private func sendWaiting(_ context: ChannelHandlerContext) {
        for (buffer, promise) in waiting {
            do {
                try session.write(Array(buffer.readableBytesView))
                promise?.succeed()
            } catch {
                promise?.fail(error)
                context.fireErrorCaught(error)
            }
        }
        waiting = []
        flushSession(context)
    }

    private func flushSession(_ context: ChannelHandlerContext) {
        let bytes = session.toSend()
        if !bytes.isEmpty { context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil) }
    }
}

/// An OpenSSL session with its buffers. The session owns the buffers.
private final class Session {
    private let settings: OpaquePointer
    private let session: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer

    init(serverName: String) throws {
        guard let settings = SSL_CTX_new(TLS_client_method()) else { throw tlsFault() }
        guard let session = SSL_new(settings), let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem())
        else {
            SSL_CTX_free(settings)
            throw tlsFault()
        }
        SSL_set_bio(session, incoming, outgoing)
        SSL_set_connect_state(session)
        // Addresses are not sent as names (RFC 6066, section 3).
        if (try? SocketAddress(ipAddress: serverName, port: 0)) == nil {
            _ = swl_ssl_set_server_name(session, serverName)
        }
        (self.settings, self.session, self.incoming, self.outgoing) = (settings, session, incoming, outgoing)
    }

    deinit {
        SSL_free(session)
        SSL_CTX_free(settings)
    }

    func received(_ bytes: ByteBufferView) {
        _ = bytes.withUnsafeBytes { BIO_write(incoming, $0.baseAddress, Int32(clamping: $0.count)) }
    }

    /// True once it is done.
    func handshake() throws -> Bool {
        let result = SSL_do_handshake(session)
        if result == 1 { return true }
        guard SSL_get_error(session, result) == SSL_ERROR_WANT_READ else { throw tlsFault() }
        return false
    }

    func write(_ bytes: [UInt8]) throws {
        guard bytes.isEmpty || SSL_write(session, bytes, Int32(clamping: bytes.count)) == bytes.count else {
            throw tlsFault()
        }
    }

    /// Nil when more must come first, or when the other side has said that it is done.
    func read() throws -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        let count = SSL_read(session, &bytes, Int32(bytes.count))
        if count > 0 { return Array(bytes.prefix(Int(count))) }
        switch SSL_get_error(session, count) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_ZERO_RETURN: return nil
        default: throw tlsFault()
        }
    }

    func toSend() -> [UInt8] {
        let count = BIO_ctrl_pending(outgoing)
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        let read = BIO_read(outgoing, &bytes, Int32(clamping: count))
        return Array(bytes.prefix(Int(max(read, 0))))
    }
}

private func tlsFault() -> ExchangeFault {
    let code = ERR_get_error()
    ERR_clear_error()
    guard code != 0, let text = ERR_reason_error_string(code) else { return .broken("tls: handshake failure") }
    return .broken("tls: \(String(cString: text))")
}
