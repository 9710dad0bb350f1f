/// A file's name or a path as the kernel has it: bytes, not text, ended by a NUL.
public struct FileName: Hashable, Sendable {
    /// With the NUL.
    public let terminated: [UInt8]

    /// `bytes` up to the first NUL.
    public init(_ bytes: some Sequence<UInt8>) {
        var terminated = Array(bytes.prefix { $0 != 0 })
        terminated.append(0)
        self.terminated = terminated
    }

    public init(_ text: String) { self.init(text.utf8) }

    public var bytes: ArraySlice<UInt8> { terminated.dropLast() }

    /// For messages: invalid UTF-8 replaced; not yet made printable.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension FileName: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self.init(value) }
}
