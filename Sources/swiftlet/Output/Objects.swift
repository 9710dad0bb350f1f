import JSON

/// Whole objects in the formats a script reads.
enum ObjectOutput {
    /// One object as itself, several as a List, as kubectl does.
    static func text(_ objects: [JSONValue], format: OutputFormat, resource: Resource? = nil) -> String {
        switch format {
        case .name: return objects.map { name($0, resource) + "\n" }.joined()
        case .yaml: return document(objects).yaml()
        case .json, .wide: return document(objects).text(indent: 4) + "\n"
        }
    }

    /// `pod/web`, or `deployment.apps/web` outside the core group.
    static func name(_ object: JSONValue, _ resource: Resource? = nil) -> String {
        let name = object[path: "metadata", "name"]?.string ?? ""
        let group = (object["apiVersion"]?.string ?? "").split(separator: "/").dropLast().first.map { ".\($0)" } ?? ""
        let kind = resource?.singular ?? (object["kind"]?.string ?? "object").lowercased()
        return "\(kind)\(group)/\(name)"
    }

    private static func document(_ objects: [JSONValue]) -> JSONValue {
        if objects.count == 1 { return objects[0] }
        return ["apiVersion": "v1", "kind": "List", "metadata": ["resourceVersion": ""], "items": .array(objects)]
    }
}
