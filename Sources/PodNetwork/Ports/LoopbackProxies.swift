import Errors
import Glibc
import LinuxSystem
import Logging
import Synchronization

/// Host ports on the loopback addresses that the kernel cannot send to a pod: ::1, and 127.0.0.1 where pods have IPv6 only.
/// The daemon listens there and passes on, TCP and UDP.
final class LoopbackProxies: Sendable {
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        /// Runs from the first port on.
        var loop: ProxyLoop?
        var isStopped = false
    }

    init(logger: Logger) { self.logger = logger }

    /// A port that a program of the host's own has on that address stays with it.
    func open(_ lease: Lease) {
        for port in lease.hostPorts where port.transport != .sctp {
            for loopback in [IPAddress.loopback6, .loopback4] {
                guard let target = LoopbackProxies.target(port, loopback, lease) else { continue }
                do {
                    try loop()?.listen(
                        owner: lease.sandboxID, isStream: port.transport == .tcp, at: loopback, port.port, to: target,
                        port.podPort)
                } catch  where error.errno == EADDRNOTAVAIL || error.errno == EAFNOSUPPORT {
                    logger.debug("the host has no \(loopback)")
                } catch {
                    logger.warning(
                        "host port \(port) is not open on \(loopback)",
                        metadata: ["pod": "\(lease.pod)", "error": "\(error)"])
                }
            }
        }
    }

    /// Where to pass on what comes to a loopback address; nil when the kernel does it, or when the port is not open there.
    static func target(_ port: HostPort, _ loopback: IPAddress, _ lease: Lease) -> IPAddress? {
        guard port.place.covers(loopback) else { return nil }
        if !loopback.isIPv6, lease.addresses.contains(where: { !$0.isIPv6 }) { return nil }
        return lease.addresses.first { $0.isIPv6 == loopback.isIPv6 } ?? lease.addresses.first
    }

    private func loop() throws(SwiftletError) -> ProxyLoop? {
        try state.withLock { (state) throws(SwiftletError) in
            if let loop = state.loop { return loop }
            if state.isStopped { return nil }
            let loop = try ProxyLoop(logger: logger)
            state.loop = loop
            return loop
        }
    }

    /// The ports are free when it returns, and connections cut.
    func close(_ lease: Lease) {
        if lease.ports.isEmpty { return }
        state.withLock { $0.loop }?.close(owner: lease.sandboxID)
    }

    func stop() {
        let loop = state.withLock { state in
            defer { state = State(loop: nil, isStopped: true) }
            return state.loop
        }
        loop?.stop()
    }
}
