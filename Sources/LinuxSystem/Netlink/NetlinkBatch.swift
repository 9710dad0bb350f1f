import CLinux
import Errors

/// Netlink messages one after the other in one buffer, to be sent in one go (netlink(7)). Numbers are in the host's order
/// unless a call says otherwise.
public struct NetlinkBatch: Sendable {
    /// What a message does and to what, for the error should the kernel refuse it.
    public struct Step: Sendable, Equatable {
        public var action: String
        public var object: String
    }

    public private(set) var bytes: [UInt8] = []
    /// One a message: message n has the sequence number n + 1.
    public private(set) var steps: [Step] = []
    private var lastMessage = 0
    /// The sequence number of the message whose acknowledgement says that all is done; 0 for none yet.
    private(set) var awaited: UInt32 = 0

    public init() { bytes.reserveCapacity(1024) }

    public var isEmpty: Bool { steps.isEmpty }

    /// Adds a message; `body` appends what follows its header.
    public mutating func message(
        _ type: Int, _ flags: Int32 = 0, _ action: String, _ object: String = "",
        _ body: (inout NetlinkBatch) -> Void
    ) {
        steps.append(Step(action: action, object: object))
        lastMessage = bytes.count
        append(UInt32(0))
        append(UInt16(truncatingIfNeeded: type))
        append(UInt16(truncatingIfNeeded: flags | NLM_F_REQUEST))
        append(UInt32(steps.count))
        append(UInt32(0))
        let start = lastMessage
        body(&self)
        align()
        store(UInt32(bytes.count - start), at: start)
    }

    /// Has the kernel answer the latest message also when it succeeds: what came before it has then been done as well.
    mutating func acknowledge() {
        guard !steps.isEmpty else { return }
        bytes[lastMessage + 6] |= UInt8(NLM_F_ACK)
        awaited = UInt32(steps.count)
    }

    // What messages are made of

    public mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
    }

    /// A C struct of the kernel's, as it lies in memory.
    public mutating func append<Header: BitwiseCopyable>(header: Header) {
        withUnsafeBytes(of: header) { bytes.append(contentsOf: $0) }
        align()
    }

    public mutating func attribute<Number: FixedWidthInteger>(_ type: Int, _ number: Number) {
        header(type, MemoryLayout<Number>.size)
        append(number)
        align()
    }

    public mutating func attribute(_ type: Int, _ content: [UInt8]) {
        header(type, content.count)
        bytes.append(contentsOf: content)
        align()
    }

    public mutating func attribute(_ type: Int, _ address: IPAddress) { attribute(type, address.bytes) }

    /// With the zero byte that ends C strings.
    public mutating func attribute(_ type: Int, _ text: String) {
        header(type, text.utf8.count + 1)
        bytes.append(contentsOf: text.utf8)
        bytes.append(0)
        align()
    }

    public mutating func attribute<Header: BitwiseCopyable>(_ type: Int, header content: Header) {
        header(type, MemoryLayout<Header>.size)
        append(header: content)
    }

    /// An attribute without content: being there says it all.
    public mutating func flag(_ type: Int) { header(type, 0) }

    /// Attributes inside an attribute.
    public mutating func nested(_ type: Int, _ body: (inout NetlinkBatch) -> Void) {
        let start = bytes.count
        header(type | Int(NLA_F_NESTED), 0)
        body(&self)
        store(UInt16(truncatingIfNeeded: bytes.count - start), at: start)
    }

    private mutating func header(_ type: Int, _ size: Int) {
        append(UInt16(truncatingIfNeeded: size + 4))
        append(UInt16(truncatingIfNeeded: type))
    }

    private mutating func align() { while bytes.count % 4 != 0 { bytes.append(0) } }

    private mutating func store<Number: FixedWidthInteger>(_ number: Number, at index: Int) {
        withUnsafeBytes(of: number) { source in
            for (offset, byte) in source.enumerated() { bytes[index + offset] = byte }
        }
    }
}
