import Errors
import JSON

/// One object of a manifest file, with where it stands there.
public struct ManifestObject: Sendable {
    public var object: JSONValue
    /// Counted from 1; JSON is one document.
    public var document: Int
    /// The line its document begins on, counted from 1.
    public var line: Int

    public var apiVersion: String { object["apiVersion"]?.string ?? "" }
    public var kind: String { object["kind"]?.string ?? "" }
    public var name: String { object["metadata"]?["name"]?.string ?? "" }
}

/// Files of Kubernetes objects: YAML of one or several documents, or JSON.
public enum Manifest {
    /// Larger texts are refused unread.
    public static let maxBytes = 3 << 20

    /// The objects in order; empty documents are passed over and lists (`kind: List`) taken apart. Throws
    /// `invalidArgument` naming `source`, the document and the line; `resourceExhausted` for a text that is too large.
    public static func objects(_ bytes: some Collection<UInt8>, source: String) throws -> [ManifestObject] {
        do {
            return try documents(try text(bytes)).flatMap(objects(in:))
        } catch {
            throw SwiftletError.wrapping(error).during("read manifest", printable(source))
        }
    }

    /// The one document of a text in YAML or JSON, whatever it is of.
    public static func tree(_ bytes: some Collection<UInt8>, source: String) throws -> JSONValue {
        do {
            let documents = try documents(try text(bytes))
            guard documents.count == 1 else { throw SwiftletError.invalid("\(documents.count) documents, not one") }
            return documents[0].value
        } catch {
            throw SwiftletError.wrapping(error).during("read", printable(source))
        }
    }

    private static func text(_ bytes: some Collection<UInt8>) throws -> String {
        guard bytes.count <= maxBytes else {
            throw SwiftletError(
                .resourceExhausted, "larger than \(maxBytes) bytes", hint: "split it into several files")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SwiftletError.invalid("not UTF-8 text", hint: "save it as UTF-8")
        }
        return text
    }

    private static func documents(_ text: String) throws -> [YAMLReader.Document] {
        guard text.first(where: { !$0.isWhitespace }) == "{" else { return try YAMLReader.documents(text) }
        do { return [YAMLReader.Document(number: 1, line: 1, value: try JSONValue.parse(text))] } catch {
            // A flow mapping of YAML begins like JSON; but what is neither is reported as JSON.
            guard let documents = try? YAMLReader.documents(text) else { throw error }
            return documents
        }
    }

    private static func objects(in document: YAMLReader.Document) throws -> [ManifestObject] {
        if document.value.isNull { return [] }
        guard let members = document.value.object else {
            throw SwiftletError.invalid(
                "expected an object, found \(document.value.kind)",
                object: "document \(document.number), line \(document.line)")
        }
        for key in ["apiVersion", "kind"] where members[key]?.string ?? "" == "" {
            throw SwiftletError.invalid(
                "\(key) is not set", object: "document \(document.number), line \(document.line)",
                hint: "for a pod write apiVersion: v1 and kind: Pod")
        }
        guard let kind = members["kind"]?.string, kind.hasSuffix("List"), let items = members["items"]?.array else {
            return [ManifestObject(object: document.value, document: document.number, line: document.line)]
        }
        return try items.flatMap { item in
            var item = item
            if kind != "List" {
                item.fill("apiVersion", members["apiVersion"] ?? "v1")
                item.fill("kind", .string(String(kind.dropLast(4))))
            }
            return try objects(in: YAMLReader.Document(number: document.number, line: document.line, value: item))
        }
    }
}
