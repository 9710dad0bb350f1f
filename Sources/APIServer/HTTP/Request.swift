import Errors
import JSON
import KubeAPI
import NIOHTTP1

/// A whole request: its body is read already and within the limit.
struct Request: Sendable {
    var head: HTTPRequestHead
    /// Percent-decoded segments of the path, without empty ones.
    var path: [String]
    var query: [(name: String, value: String)]
    var body: [UInt8]

    init(head: HTTPRequestHead, body: [UInt8]) throws {
        self.head = head
        self.body = body
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = try (parts.first ?? "").split(separator: "/").map { try Self.decoded($0, plusIsSpace: false) }
        query = try (parts.count > 1 ? parts[1] : "").split(separator: "&").map { pair in
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (
                try Self.decoded(halves[0], plusIsSpace: true),
                try Self.decoded(halves.count > 1 ? halves[1] : "", plusIsSpace: true)
            )
        }
    }

    private static func decoded(_ text: Substring, plusIsSpace: Bool) throws -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                let digits = rest.prefix(2)
                guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) else {
                    throw APIFailure.badRequest("malformed escape in the URL")
                }
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw APIFailure.badRequest("the URL is not UTF-8")
        }
        return decoded
    }

    /// The first value of a query item; nil when absent.
    func query(_ name: String) -> String? { query.first { $0.name == name }?.value }

    func values(_ name: String) -> [String] { query.filter { $0.name == name }.map(\.value) }

    func flag(_ name: String) throws -> Bool {
        switch query(name) {
        case nil, "0", "false", "False", "FALSE", "f", "F": false
        case "1", "true", "True", "TRUE", "t", "T", "": true
        case let other?: throw APIFailure.badRequest("query item \(name): \"\(printable(other))\" is no boolean")
        }
    }

    func integer(_ name: String) throws -> Int64? {
        guard let text = query(name), !text.isEmpty else { return nil }
        guard let number = Int64(text) else {
            throw APIFailure.badRequest("query item \(name): \"\(printable(text))\" is no integer")
        }
        return number
    }
}

extension Request {
    enum Form: Sendable { case json, table }

    /// The first form of the Accept header that is offered. Throws 406 when there is none.
    var accepted: Form {
        get throws {
            let ranges = head.headers[canonicalForm: "accept"]
            if ranges.isEmpty { return .json }
            for range in ranges {
                let parts = range.split(separator: ";").map { $0.trimmed }
                let type = parts.first ?? ""
                guard type == "application/json" || type == "*/*" || type == "application/*" else { continue }
                if parts.contains("as=Table") {
                    if parts.contains("g=meta.k8s.io"), parts.contains("v=v1") { return .table }
                    continue
                }
                // Aggregated discovery and the like: a plainer form stands further on.
                if parts.contains(where: { $0.hasPrefix("as=") }) { continue }
                return .json
            }
            throw APIFailure(
                406, "NotAcceptable",
                "only the following media types are accepted: application/json, application/json;as=Table;v=v1;g=meta.k8s.io"
            )
        }
    }

    /// The media type of the body in lower case, without parameters.
    var contentType: String {
        let header = head.headers.first(name: "content-type") ?? ""
        return (header.split(separator: ";").first ?? "").trimmed.lowercased()
    }

    /// The body as a tree: JSON, or YAML of one document.
    func object() throws -> JSONValue {
        switch contentType {
        case "", "application/json": return try Self.tree { try JSONValue.parse(body) }
        case "application/yaml", "text/yaml", "application/x-yaml":
            let objects = try Self.tree { try Manifest.objects(body, source: "request body") }
            guard objects.count == 1, let object = objects.first?.object else {
                throw APIFailure.badRequest("the body must hold one object, found \(objects.count)")
            }
            return object
        default: throw APIFailure.unsupportedMediaType(contentType, ["application/json", "application/yaml"])
        }
    }

    static func tree<T>(_ parse: () throws -> T) throws -> T {
        do { return try parse() } catch {
            throw APIFailure.badRequest("the body cannot be read: \(SwiftletError.wrapping(error).description)")
        }
    }
}

extension StringProtocol {
    var trimmed: String {
        let start = drop { $0 == " " || $0 == "\t" }
        return String(start.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}
