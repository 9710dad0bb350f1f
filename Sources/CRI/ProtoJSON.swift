import Errors
import JSON
import SwiftProtobuf

/// The proto3 JSON mapping of the messages, with rejections that name the field.
enum ProtoJSON {
    /// Absent parameters are the empty message. Unknown fields are refused.
    static func decode<M: Message>(_ type: M.Type, _ params: JSONValue?) throws(JSONRPCError) -> M {
        guard let params else { return M() }
        guard params.object != nil else {
            throw JSONRPCError(
                JSONRPCError.invalidParams,
                .invalid(
                    "they must be a JSON object with the fields of \(M.protoMessageName), not \(params.kind)",
                    object: "parameters"))
        }
        do { return try M(jsonUTF8Bytes: params.serialized()) } catch {
            let (path, fault) = Fault.find(M.self, in: params, error)
            throw JSONRPCError(
                JSONRPCError.invalidParams,
                .invalid(
                    fault, object: path.isEmpty ? "parameters" : "field \(printable(path))",
                    hint: "the fields are those of \(M.protoMessageName) of CRI v1"))
        }
    }

    /// What a service answered; fields of a newer service are passed over.
    static func decodeResponse<M: Message>(_ type: M.Type, _ result: JSONValue) throws(SwiftletError) -> M {
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        do { return try M(jsonUTF8Bytes: result.serialized(), options: options) } catch {
            throw SwiftletError(.internal, "the answer is no \(M.protoMessageName): \(error)")
        }
    }

    static func encode(_ message: some Message) throws(JSONRPCError) -> [UInt8] {
        do { return try message.jsonUTF8Bytes() } catch {
            throw JSONRPCError(
                JSONRPCError.internalError,
                SwiftletError(.internal, "\(type(of: message)) cannot be written as JSON: \(error)"))
        }
    }
}

/// Finds which field of a document its decoder refuses. The decoder's own errors rarely say; so parts of the document
/// are decoded on their own, from the top down, until no smaller part is refused.
private enum Fault {
    static func find<M: Message>(_ type: M.Type, in document: JSONValue, _ error: any Error) -> (String, String) {
        var path = ""
        var part = document
        var error = error
        var wrap: (JSONValue) -> JSONValue = { $0 }
        while true {
            guard let (name, child, inner, childError) = refusedChild(type, of: part, wrap) else { break }
            path += name.hasPrefix("[") || path.isEmpty ? name : ".\(name)"
            part = child
            wrap = inner
            error = childError
        }
        return (path, reason(error, part))
    }

    private typealias Child = (name: String, value: JSONValue, wrap: (JSONValue) -> JSONValue, error: any Error)

    private static func refusedChild<M: Message>(
        _ type: M.Type, of part: JSONValue, _ wrap: @escaping (JSONValue) -> JSONValue
    ) -> Child? {
        var children: [(String, JSONValue, (JSONValue) -> JSONValue)] = []
        switch part {
        case .object(let members):
            for (key, value) in members.sorted(by: { $0.key < $1.key }) {
                children.append((key, value, { wrap(.object([key: $0])) }))
            }
        case .array(let elements):
            for (index, value) in elements.enumerated() {
                children.append(("[\(index)]", value, { wrap(.array([$0])) }))
            }
        default: return nil
        }
        for (name, value, inner) in children {
            do { _ = try M(jsonUTF8Bytes: inner(value).serialized()) } catch { return (name, value, inner, error) }
        }
        return nil
    }

    private static func reason(_ error: any Error, _ part: JSONValue) -> String {
        let given = printable(part.text(), limit: 64)
        switch error as? JSONDecodingError {
        case .unknownField: return "there is no such field"
        case .unrecognizedEnumValue: return "\(given) is none of its values"
        case .malformedNumber, .numberRange: return "\(given) is not a number of its type"
        case .malformedString, .invalidUTF8: return "\(given) is not a string"
        case .malformedBool: return "\(given) is not true or false"
        case .messageDepthLimit: return "nested too deep"
        case .malformedMap: return "\(given) is not a map"
        default: return "\(given) is not of its type"
        }
    }
}
