import Errors
import JSON

/// One object of a JSON document with the path to it, so that each fault names document and field:
/// `manifest sha256:…: layers[2].size: must be a whole number ≥ 0`.
struct DocumentReader {
    let document: String
    let path: String
    let members: [String: JSONValue]

    init(_ value: JSONValue, document: String, path: String = "") throws(SwiftletError) {
        guard let members = value.object else {
            throw Self.fault(document, path, "must be an object, is \(value.kind)")
        }
        self.document = document
        self.path = path
        self.members = members
    }

    static func fault(_ document: String, _ path: String, _ what: String) -> SwiftletError {
        .invalid(path.isEmpty ? what : "\(printable(path)): \(what)", object: document)
    }

    func fault(_ field: String, _ what: String) -> SwiftletError {
        Self.fault(document, path.isEmpty ? field : "\(path).\(field)", what)
    }

    /// The member, or nil when it is absent or null: writers in Go leave either.
    func member(_ field: String) -> JSONValue? {
        guard let value = members[field], !value.isNull else { return nil }
        return value
    }

    func optionalString(_ field: String) throws(SwiftletError) -> String? {
        guard let value = member(field) else { return nil }
        guard let text = value.string else { throw fault(field, "must be a string, is \(value.kind)") }
        return text
    }

    func string(_ field: String) throws(SwiftletError) -> String {
        guard let text = try optionalString(field) else { throw fault(field, "is missing") }
        return text
    }

    func bool(_ field: String) throws(SwiftletError) -> Bool {
        guard let value = member(field) else { return false }
        guard let flag = value.bool else { throw fault(field, "must be true or false, is \(value.kind)") }
        return flag
    }

    func optionalInt(_ field: String) throws(SwiftletError) -> Int64? {
        guard let value = member(field) else { return nil }
        guard let number = value.int else { throw fault(field, "must be a whole number of at most 64 bits") }
        return number
    }

    /// A size in bytes.
    func size(_ field: String) throws(SwiftletError) -> Int64 {
        guard let number = try optionalInt(field), number >= 0 else {
            throw fault(field, "must be a whole number ≥ 0")
        }
        return number
    }

    func digest(_ field: String) throws(SwiftletError) -> Digest {
        let text = try string(field)
        do { return try Digest(parsing: text) } catch { throw fault(field, error.message) }
    }

    func object(_ field: String) throws(SwiftletError) -> DocumentReader? {
        guard let value = member(field) else { return nil }
        return try DocumentReader(value, document: document, path: path.isEmpty ? field : "\(path).\(field)")
    }

    /// The elements of an array of at most `limit`; nil when absent.
    func array(_ field: String, limit: Int) throws(SwiftletError) -> [JSONValue]? {
        guard let value = member(field) else { return nil }
        guard let elements = value.array else { throw fault(field, "must be an array, is \(value.kind)") }
        guard elements.count <= limit else { throw fault(field, "has \(elements.count) elements; at most \(limit)") }
        return elements
    }

    func strings(_ field: String, limit: Int = 4096) throws(SwiftletError) -> [String]? {
        guard let elements = try array(field, limit: limit) else { return nil }
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            guard let text = element.string else {
                throw fault("\(field)[\(index)]", "must be a string, is \(element.kind)")
            }
            texts.append(text)
        }
        return texts
    }

    func objects(_ field: String, limit: Int) throws(SwiftletError) -> [DocumentReader]? {
        guard let elements = try array(field, limit: limit) else { return nil }
        var readers: [DocumentReader] = []
        for (index, element) in elements.enumerated() {
            let place = path.isEmpty ? "\(field)[\(index)]" : "\(path).\(field)[\(index)]"
            readers.append(try DocumentReader(element, document: document, path: place))
        }
        return readers
    }

    /// A map of strings; empty when absent.
    func stringMap(_ field: String) throws(SwiftletError) -> [String: String] {
        guard let reader = try object(field) else { return [:] }
        var map: [String: String] = [:]
        for key in reader.members.keys {
            guard let text = try reader.optionalString(key) else { continue }
            map[key] = text
        }
        return map
    }

    /// The keys of a map whose values mean nothing (`ExposedPorts`, `Volumes`), sorted.
    func keys(_ field: String) throws(SwiftletError) -> [String] {
        try object(field)?.members.keys.sorted() ?? []
    }
}
