import CRI
import Errors
import JSON
import SwiftProtobuf

/// Reading and writing the parts of records. They are our own files, but a file may be anything: errors are `dataLoss`.
enum RecordCoding {
    static func value(_ message: some Message) throws -> JSONValue {
        let bytes: [UInt8] = try message.jsonUTF8Bytes()
        return try JSONValue.parse(bytes)
    }

    static func message<M: Message>(_ record: JSONValue, _ field: String) throws -> M {
        guard let value = record[field] else { throw missing(field) }
        return try M(jsonUTF8Bytes: value.serialized())
    }

    static func string(_ record: JSONValue, _ field: String) throws(SwiftletError) -> String {
        guard let text = record[field]?.string else { throw missing(field) }
        return text
    }

    static func number(_ record: JSONValue, _ field: String) throws(SwiftletError) -> Int64 {
        guard let number = record[field]?.int else { throw missing(field) }
        return number
    }

    private static func missing(_ field: String) -> SwiftletError {
        SwiftletError(.dataLoss, "the record has no well-formed \(field)")
    }
}
