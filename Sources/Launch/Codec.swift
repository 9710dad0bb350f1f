import Errors

/// Writes values one after the other: integers little-endian, everything of variable length with its count before it.
public struct Encoder {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    mutating func append<Number: FixedWidthInteger>(_ value: Number) {
        for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    public mutating func put(_ value: Bool) { bytes.append(value ? 1 : 0) }

    public mutating func put(_ value: String) {
        var value = value
        value.withUTF8 { text in
            append(UInt32(text.count))
            bytes.append(contentsOf: text)
        }
    }

    public mutating func put(_ value: [UInt8]) {
        append(UInt32(value.count))
        bytes.append(contentsOf: value)
    }

    public mutating func put<Value: WireValue>(_ value: Value) { value.encode(into: &self) }

    public mutating func put<Value: WireValue>(_ values: [Value]) {
        append(UInt32(values.count))
        for value in values { value.encode(into: &self) }
    }

    public mutating func put<Value: WireValue>(_ value: Value?) {
        put(value != nil)
        if let value { value.encode(into: &self) }
    }
}

/// Reads what an `Encoder` wrote, from bytes that may be anything: never past the end, never more memory than bytes.
public struct Decoder {
    private let bytes: [UInt8]
    private var position = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public mutating func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self)
        throws(SwiftletError) -> Number
    {
        let size = Number.bitWidth / 8
        let start = try take(size)
        var value: Number = 0
        for index in (0..<size).reversed() {
            // A shift by the width of an 8-bit number gives 0, which is what is wanted.
            value = (value << 8) | Number(truncatingIfNeeded: bytes[start + index])
        }
        return value
    }

    public mutating func bool() throws(SwiftletError) -> Bool {
        switch try number(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw malformed("a truth value that is neither 0 nor 1")
        }
    }

    public mutating func string() throws(SwiftletError) -> String {
        let count = Int(try number(UInt32.self))
        let start = try take(count)
        guard let text = String(validating: bytes[start..<start + count], as: UTF8.self) else {
            throw malformed("text that is not UTF-8")
        }
        guard !text.utf8.contains(0) else { throw malformed("text with a NUL byte") }
        return text
    }

    public mutating func data() throws(SwiftletError) -> [UInt8] {
        let count = Int(try number(UInt32.self))
        let start = try take(count)
        return Array(bytes[start..<start + count])
    }

    public mutating func value<Value: WireValue>(_ type: Value.Type = Value.self) throws(SwiftletError) -> Value {
        try Value(from: &self)
    }

    public mutating func array<Value: WireValue>(of type: Value.Type = Value.self) throws(SwiftletError) -> [Value] {
        let count = Int(try number(UInt32.self))
        // Every value is at least a byte long.
        guard count <= bytes.count - position else { throw malformed("a count of \(count) beyond the end") }
        var values: [Value] = []
        for _ in 0..<count { values.append(try Value(from: &self)) }
        return values
    }

    public mutating func optional<Value: WireValue>(_ type: Value.Type = Value.self) throws(SwiftletError) -> Value? {
        try bool() ? try Value(from: &self) : nil
    }

    /// After the last value: nothing may be left.
    public func end() throws(SwiftletError) {
        guard position == bytes.count else { throw malformed("\(bytes.count - position) bytes too many") }
    }

    public func malformed(_ what: String) -> SwiftletError {
        SwiftletError(.invalidArgument, "\(what), near byte \(position)", operation: "decode message")
    }

    private mutating func take(_ count: Int) throws(SwiftletError) -> Int {
        guard count <= bytes.count - position else { throw malformed("cut short") }
        defer { position += count }
        return position
    }
}

/// A value with a binary form of its own, at least one byte long.
public protocol WireValue {
    func encode(into encoder: inout Encoder)
    init(from decoder: inout Decoder) throws(SwiftletError)
}

extension WireValue {
    /// The whole message.
    public var encoded: [UInt8] {
        var encoder = Encoder()
        encode(into: &encoder)
        return encoder.bytes
    }

    /// The whole message, with nothing after it.
    public init(decoding bytes: [UInt8]) throws(SwiftletError) {
        var decoder = Decoder(bytes)
        self = try Self(from: &decoder)
        try decoder.end()
    }
}

extension String: WireValue {
    public func encode(into encoder: inout Encoder) { encoder.put(self) }
    public init(from decoder: inout Decoder) throws(SwiftletError) { self = try decoder.string() }
}

extension WireValue where Self: FixedWidthInteger {
    public func encode(into encoder: inout Encoder) { encoder.append(self) }
    public init(from decoder: inout Decoder) throws(SwiftletError) { self = try decoder.number() }
}

extension UInt8: WireValue {}
extension UInt16: WireValue {}
extension UInt32: WireValue {}
extension UInt64: WireValue {}
extension Int32: WireValue {}
extension Int64: WireValue {}
