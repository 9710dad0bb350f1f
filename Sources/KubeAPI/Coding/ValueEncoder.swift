import Errors
import JSON

/// An `Encoder` into a tree: empty lists and maps and nils are left out of objects.
final class ValueEncoder: Encoder {
    var value: JSONValue?
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(codingPath: [any CodingKey] = []) { self.codingPath = codingPath }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if value == nil { value = [:] }
        return KeyedEncodingContainer(KeyedWriter<Key>(encoder: self, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if value == nil { value = [] }
        return UnkeyedWriter(encoder: self, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        SingleWriter(encoder: self, codingPath: codingPath)
    }

    static func tree<T: Encodable>(_ value: T, _ path: [any CodingKey]) throws -> JSONValue {
        let encoder = ValueEncoder(codingPath: path)
        try value.encode(to: encoder)
        return encoder.value ?? .null
    }
}

private struct KeyedWriter<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let encoder: ValueEncoder
    let codingPath: [any CodingKey]

    private func set(_ value: JSONValue, _ key: Key) {
        guard case .object(var members) = encoder.value ?? [:] else { return }
        encoder.value = nil
        members[key.stringValue] = value
        encoder.value = .object(members)
    }

    func encodeNil(forKey key: Key) {}

    func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        if let list = value as? any EmptyWhenAbsent, list.isEmpty { return }
        set(try ValueEncoder.tree(value, codingPath + [key]), key)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy keyType: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        KeyedEncodingContainer(KeyedWriter<Nested>(encoder: ValueEncoder(), codingPath: codingPath + [key]))
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        UnkeyedWriter(encoder: ValueEncoder(), codingPath: codingPath + [key])
    }

    func superEncoder() -> any Encoder { encoder }
    func superEncoder(forKey key: Key) -> any Encoder { ValueEncoder(codingPath: codingPath + [key]) }
}

private struct UnkeyedWriter: UnkeyedEncodingContainer {
    let encoder: ValueEncoder
    let codingPath: [any CodingKey]
    var count: Int { encoder.value?.array?.count ?? 0 }

    private func append(_ value: JSONValue) {
        guard case .array(var elements) = encoder.value ?? [] else { return }
        encoder.value = nil
        elements.append(value)
        encoder.value = .array(elements)
    }

    func encodeNil() { append(.null) }

    func encode<T: Encodable>(_ value: T) throws {
        append(try ValueEncoder.tree(value, codingPath + [IndexKey(count)]))
    }

    func nestedContainer<Nested: CodingKey>(keyedBy keyType: Nested.Type) -> KeyedEncodingContainer<Nested> {
        KeyedEncodingContainer(KeyedWriter<Nested>(encoder: ValueEncoder(), codingPath: codingPath))
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        UnkeyedWriter(encoder: ValueEncoder(), codingPath: codingPath)
    }

    func superEncoder() -> any Encoder { encoder }
}

private struct SingleWriter: SingleValueEncodingContainer {
    let encoder: ValueEncoder
    let codingPath: [any CodingKey]

    func encodeNil() { encoder.value = .null }
    func encode(_ value: Bool) { encoder.value = .bool(value) }
    func encode(_ value: String) { encoder.value = .string(value) }
    func encode(_ value: Double) { encoder.value = .double(value) }
    func encode(_ value: Float) { encoder.value = .double(Double(value)) }
    func encode(_ value: Int) { encoder.value = .int(Int64(value)) }
    func encode(_ value: Int8) { encoder.value = .int(Int64(value)) }
    func encode(_ value: Int16) { encoder.value = .int(Int64(value)) }
    func encode(_ value: Int32) { encoder.value = .int(Int64(value)) }
    func encode(_ value: Int64) { encoder.value = .int(value) }
    func encode(_ value: UInt) throws { try unsigned(value) }
    func encode(_ value: UInt8) { encoder.value = .int(Int64(value)) }
    func encode(_ value: UInt16) { encoder.value = .int(Int64(value)) }
    func encode(_ value: UInt32) { encoder.value = .int(Int64(value)) }
    func encode(_ value: UInt64) throws { try unsigned(value) }

    private func unsigned(_ value: some FixedWidthInteger) throws {
        guard let fitting = Int64(exactly: value) else {
            throw SwiftletError.invalid("\(value) is out of range", object: pathText(codingPath))
        }
        encoder.value = .int(fitting)
    }

    func encode<T: Encodable>(_ value: T) throws { encoder.value = try ValueEncoder.tree(value, codingPath) }
}
