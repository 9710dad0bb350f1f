import CLinux

/// Attributes as they came from the kernel, looked at where they lie. What does not fit its frame ends the sequence: no
/// read goes past the end.
public struct NetlinkAttributes: Sequence, Sendable {
    public let bytes: ArraySlice<UInt8>

    public init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    public struct Attribute: Sendable {
        /// Without the two flag bits.
        public let type: Int
        public let content: ArraySlice<UInt8>

        public var nested: NetlinkAttributes { NetlinkAttributes(content) }
        public var address: IPAddress? { IPAddress(bytes: content) }

        /// nil when the content has another size.
        public func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) -> Number? {
            content.count == MemoryLayout<Number>.size ? content.load(type) : nil
        }

        /// Up to the zero byte.
        public var text: String { String(decoding: content.prefix { $0 != 0 }, as: UTF8.self) }
    }

    public struct Iterator: IteratorProtocol {
        var rest: ArraySlice<UInt8>

        public mutating func next() -> Attribute? {
            guard rest.count >= 4, let size = rest.load(UInt16.self), let type = rest.load(UInt16.self, offset: 2),
                size >= 4, Int(size) <= rest.count
            else { return nil }
            let content = rest.dropFirst(4).prefix(Int(size) - 4)
            rest = rest.dropFirst((Int(size) + 3) & ~3)
            return Attribute(type: Int(type) & 0x3fff, content: content)
        }
    }

    public func makeIterator() -> Iterator { Iterator(rest: bytes) }

    /// The first attribute of a type.
    public subscript(_ type: Int) -> Attribute? { first { $0.type == type } }
}

extension ArraySlice<UInt8> {
    /// A number in the host's order, wherever it lies; nil past the end.
    public func load<Number: FixedWidthInteger>(_ type: Number.Type, offset: Int = 0) -> Number? {
        guard offset >= 0, offset + MemoryLayout<Number>.size <= count else { return nil }
        return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: type) }
    }
}
