import CLinux
import Errors
import Glibc

/// A netlink(7) socket. It belongs for good to the network namespace of the thread that opens it, whoever uses it later.
public struct NetlinkSocket: ~Copyable, Sendable {
    public enum Family: Sendable {
        case route, netfilter

        var number: Int32 {
            switch self {
            case .route: Int32(NETLINK_ROUTE)
            case .netfilter: Int32(NETLINK_NETFILTER)
            }
        }
    }

    private let descriptor: OwnedDescriptor

    public init(_ family: Family) throws(SwiftletError) {
        let call = family == .route ? "open route netlink" : "open netfilter netlink"
        descriptor = OwnedDescriptor(owning: try check(swl_netlink_open(family.number), call))
        // Words with the errors, and errors without a copy of the message. Kernels without them answer as before.
        _ = swl_netlink_option(raw, Int32(NETLINK_EXT_ACK), 1)
        _ = swl_netlink_option(raw, Int32(NETLINK_CAP_ACK), 1)
        // Dumps honour what the request asks for.
        _ = swl_netlink_option(raw, Int32(NETLINK_GET_STRICT_CHK), 1)
    }

    /// One that `release` gave up.
    public init(owning raw: Int32) { descriptor = OwnedDescriptor(owning: raw) }

    /// For poll(2). Never close it.
    public var raw: Int32 { descriptor.raw }

    /// The descriptor, which the caller owns from now on.
    public consuming func release() -> Int32 { descriptor.release() }

    /// What events caused by this socket's requests are marked with.
    public var port: UInt32 { swl_netlink_port(raw) }

    /// Groups whose members are told of changes (rtnetlink(7)).
    public enum Group: Sendable {
        case links, addresses4, addresses6, nftables

        var number: Int32 {
            switch self {
            case .links: Int32(RTNLGRP_LINK.rawValue)
            case .addresses4: Int32(RTNLGRP_IPV4_IFADDR.rawValue)
            case .addresses6: Int32(RTNLGRP_IPV6_IFADDR.rawValue)
            case .nftables: Int32(NFNLGRP_NFTABLES.rawValue)
            }
        }
    }

    /// Room for news that are not read at once, beyond what unprivileged programs may have.
    public borrowing func enlargeBuffer(_ bytes: Int32) {
        var bytes = bytes
        // Without it more gets lost, which is noticed.
        _ = setsockopt(raw, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, 4)
    }

    /// Receives what a multicast group is told.
    public borrowing func join(_ group: Group) throws(SwiftletError) {
        try check(
            swl_netlink_option(raw, Int32(NETLINK_ADD_MEMBERSHIP), group.number), "join netlink group", "\(group)")
    }

    /// Carries the messages out, in order, and gives the answers to those that ask for something. The kernel works through
    /// all of them before the call that sends them returns.
    /// Errors: the first refusal, with the step's name and object and the kernel's own words.
    @discardableResult
    public borrowing func run(_ batch: NetlinkBatch) throws(SwiftletError) -> [NetlinkMessage] {
        guard !batch.isEmpty else { return [] }
        var batch = batch
        if batch.awaited == 0 { batch.acknowledge() }
        try send(batch)
        var answers: [NetlinkMessage] = []
        var failure: SwiftletError?
        while let messages = try receive() {
            for message in messages {
                guard let outcome = message.outcome else {
                    answers.append(message)
                    continue
                }
                if outcome.errno != 0, failure == nil { failure = NetlinkSocket.error(outcome, message, batch) }
                guard message.sequence == batch.awaited else { continue }
                if let failure { throw failure }
                return answers
            }
        }
        throw failure
            ?? SwiftletError(.internal, "the kernel did not answer", operation: batch.steps.last?.action ?? "netlink")
    }

    /// Asks for a list and hands its entries out one by one; nothing is kept. When the list changed while it was read, it
    /// is read anew, and `restart` runs before.
    public borrowing func dump(
        _ request: NetlinkBatch, restart: () -> Void = {}, _ each: (NetlinkMessage) -> Void
    ) throws(SwiftletError) {
        for _ in 0..<16 {
            try send(request)
            if try receiveDump(request, each) { return }
            restart()
        }
        throw SwiftletError(
            .aborted, "it changes faster than it can be read", operation: request.steps.first?.action ?? "dump")
    }

    /// False when the kernel says that the list is not of one moment.
    private borrowing func receiveDump(_ request: NetlinkBatch, _ each: (NetlinkMessage) -> Void)
        throws(SwiftletError) -> Bool
    {
        var consistent = true
        while let messages = try receive() {
            for message in messages {
                if message.flags & UInt16(NLM_F_DUMP_INTR) != 0 { consistent = false }
                switch Int32(message.type) {
                case NLMSG_DONE:
                    let number = message.payload.load(Int32.self) ?? 0
                    // EINTR: the list's end noticed the change.
                    if number == -EINTR { return false }
                    guard number >= 0 else {
                        throw NetlinkSocket.error(.init(errno: -number, words: ""), message, request)
                    }
                    return consistent
                case NLMSG_ERROR:
                    guard let outcome = message.outcome, outcome.errno != 0 else { continue }
                    throw NetlinkSocket.error(outcome, message, request)
                default: each(message)
                }
            }
        }
        throw SwiftletError(.internal, "the list has no end", operation: request.steps.first?.action ?? "dump")
    }

    private borrowing func send(_ batch: NetlinkBatch) throws(SwiftletError) {
        let count = try retrying("send netlink messages") {
            batch.bytes.withUnsafeBytes { Glibc.send(raw, $0.baseAddress, $0.count, 0) }
        }
        guard count == batch.bytes.count else {
            throw SwiftletError(
                .internal, "\(count) of \(batch.bytes.count) bytes were taken", operation: "send netlink messages")
        }
    }

    /// The messages of one datagram; nil when none waits. Never waits itself.
    /// Errors: ENOBUFS when messages of a multicast group were lost.
    public borrowing func receive() throws(SwiftletError) -> [NetlinkMessage]? {
        while true {
            var fromKernel: Int32 = 0
            var count = 0
            // What the kernel puts into one datagram of a dump (netlink(7)); acknowledgements are small.
            let bytes = [UInt8](unsafeUninitializedCapacity: 32768) { buffer, initialized in
                count = swl_netlink_receive(raw, buffer.baseAddress, buffer.count, &fromKernel)
                initialized = min(max(count, 0), buffer.count)
            }
            if count < 0 {
                let number = swl_errno()
                if number == EINTR { continue }
                if number == EAGAIN { return nil }
                throw systemError(number, "receive netlink messages")
            }
            guard count <= bytes.count else {
                throw SwiftletError(
                    .resourceExhausted, "a datagram of \(count) bytes", operation: "receive netlink messages")
            }
            // Any process may send to any other: only the kernel is listened to.
            if fromKernel == 1 { return NetlinkMessage.split(bytes) }
        }
    }

    private static func error(_ outcome: NetlinkMessage.Outcome, _ message: NetlinkMessage, _ batch: NetlinkBatch)
        -> SwiftletError
    {
        let index = Int(message.sequence) - 1
        let step = batch.steps.indices.contains(index) ? batch.steps[index] : .init(action: "netlink", object: "")
        var error = systemError(outcome.errno, step.action, step.object)
        if !outcome.words.isEmpty { error.reason += " (\(printable(outcome.words)))" }
        return error
    }
}

/// One message from the kernel.
public struct NetlinkMessage: Sendable {
    public let type: UInt16
    public let flags: UInt16
    public let sequence: UInt32
    /// The port of the socket whose request caused it; 0 for the kernel itself.
    public let port: UInt32
    public let payload: ArraySlice<UInt8>

    /// How a request ended, with the kernel's words.
    struct Outcome {
        var errno: Int32
        var words: String
    }

    /// The message after a header of `size` bytes, such as `ifinfomsg`.
    public func attributes(after size: Int) -> NetlinkAttributes {
        NetlinkAttributes(payload.dropFirst((size + 3) & ~3))
    }

    /// Whether it tells that a link or an address went.
    public var isRemoval: Bool { [Int(RTM_DELLINK), Int(RTM_DELADDR)].contains(Int(type)) }

    /// nil when this is no acknowledgement and no error.
    var outcome: Outcome? {
        guard Int32(type) == NLMSG_ERROR, let number = payload.load(Int32.self) else { return nil }
        var words = ""
        if flags & UInt16(NLM_F_ACK_TLVS) != 0 {
            // After the number comes the header of the message answered, and with it all of the message unless capped.
            let size = payload.load(UInt32.self, offset: 4) ?? 0
            let echoed = flags & UInt16(NLM_F_CAPPED) != 0 ? 16 : (Int(size) + 3) & ~3
            words = NetlinkAttributes(payload.dropFirst(4 + echoed))[Int(NLMSGERR_ATTR_MSG.rawValue)]?.text ?? ""
        }
        return Outcome(errno: number == .min ? 0 : abs(number), words: words)
    }

    static func split(_ bytes: [UInt8]) -> [NetlinkMessage] {
        var messages: [NetlinkMessage] = []
        var rest = bytes[...]
        while rest.count >= 16, let size = rest.load(UInt32.self), size >= 16, Int(size) <= rest.count {
            let payload = rest.dropFirst(16).prefix(Int(size) - 16)
            messages.append(
                NetlinkMessage(
                    type: rest.load(UInt16.self, offset: 4) ?? 0, flags: rest.load(UInt16.self, offset: 6) ?? 0,
                    sequence: rest.load(UInt32.self, offset: 8) ?? 0, port: rest.load(UInt32.self, offset: 12) ?? 0,
                    payload: payload))
            rest = rest.dropFirst((Int(size) + 3) & ~3)
        }
        return messages
    }
}
