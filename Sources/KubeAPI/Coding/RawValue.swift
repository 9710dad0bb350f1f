import JSON

/// A tree inside a typed view, taken and given as it is.
public struct RawValue: Codable, Sendable, Equatable {
    public var value: JSONValue

    public init(_ value: JSONValue) { self.value = value }

    public init(from decoder: any Decoder) throws {
        if let tree = decoder as? ValueDecoder {
            value = tree.value
        } else {
            value = .string(try decoder.singleValueContainer().decode(String.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        if let tree = encoder as? ValueEncoder {
            tree.value = value
        } else {
            var container = encoder.singleValueContainer()
            try container.encode(value.text())
        }
    }
}
