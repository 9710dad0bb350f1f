import APIClient
import ArgumentParser
import Errors
import JSON

struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List objects, or show some.",
        discussion: """
            Examples:
              swiftlet get pods
              swiftlet get pod web -o yaml
              swiftlet get pods -A -o wide -w
              swiftlet get events
              swiftlet get --raw /version
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var all: AllNamespacesOptions
    @OptionGroup var selector: SelectorOptions
    @OptionGroup var format: OutputOptions

    @Flag(name: [.customShort("w"), .long], help: "List, then follow changes.")
    var watch = false

    @Flag(name: .customLong("watch-only"), help: "Follow changes without listing first.")
    var watchOnly = false

    @Flag(name: .customLong("no-headers"), help: "Leave the header line out.")
    var noHeaders = false

    @Flag(name: .customLong("ignore-not-found"), help: "An object that does not exist is no error.")
    var ignoreNotFound = false

    @Option(name: .customLong("raw"), help: ArgumentHelp("Print what the API answers at this path.", valueName: "path"))
    var raw: String?

    @Argument(
        help: "TYPE, TYPE NAME … or TYPE/NAME …; commas join types.",
        completion: .list(["pods", "events", "namespaces", "nodes", "configmaps", "secrets", "pvc"]))
    var what: [String] = []

    mutating func run() async throws {
        if let raw {
            try await global.api.stream(.init(.GET, raw)) { try Console.write(Array($0.readableBytesView), to: 1) }
            return
        }
        let targets = try await Targets(what, Discovery(api: global.api))
        if watch || watchOnly { return try await follow(targets) }
        if let format = format.output, format != .wide { return try await printObjects(targets, format) }
        try await printTables(targets)
    }

    private var namespace: String? { all.allNamespaces ? nil : scope.namespace }

    private func request(_ resource: Resource, _ name: String?, accept: String = "application/json") throws
        -> APIClient.Request
    {
        if name != nil, all.allNamespaces, resource.namespaced {
            throw SwiftletError.invalid("a resource cannot be retrieved by name across all namespaces")
        }
        return .init(
            .GET, resource.path(namespace: namespace, name: name), query: name == nil ? selector.query : [],
            accept: accept)
    }

    private func printObjects(_ targets: Targets, _ format: OutputFormat) async throws {
        var objects: [JSONValue] = []
        var listed = false
        for (resource, name) in targets.items {
            guard let document = try await fetch(try request(resource, name)) else { continue }
            guard let items = document["items"]?.array else {
                objects.append(document)
                continue
            }
            listed = true
            // Elements of a list do not carry their kind.
            objects += items.map { item in
                var item = item
                item["kind"] = .string(resource.kind)
                item["apiVersion"] = .string(resource.groupVersion)
                return item
            }
        }
        if format == .name || !listed {
            if !objects.isEmpty { try Console.write(ObjectOutput.text(objects, format: format)) }
            return
        }
        let list: JSONValue = [
            "apiVersion": "v1", "kind": "List", "metadata": ["resourceVersion": ""], "items": .array(objects),
        ]
        try Console.write(ObjectOutput.text([list], format: format))
    }

    private func fetch(_ request: APIClient.Request) async throws -> JSONValue? {
        do { return try await global.api.send(request).json() } catch let error as SwiftletError {
            if ignoreNotFound, error.code == .notFound { return nil }
            throw error
        }
    }

    private func printTables(_ targets: Targets) async throws {
        var empty = true
        var groups: [(resource: Resource, table: ServerTable)] = []
        for (resource, name) in targets.items {
            guard let document = try await fetch(try request(resource, name, accept: ServerTable.accept)) else {
                continue
            }
            guard let table = ServerTable(document) else {
                throw SwiftletError(.internal, "the server sent no Table for \(resource.plural)")
            }
            if let last = groups.indices.last, groups[last].resource.plural == resource.plural {
                groups[last].table.rows += table.rows
            } else {
                groups.append((resource, table))
            }
        }
        for (index, group) in groups.enumerated() where !group.table.rows.isEmpty {
            if !empty, index > 0 { try Console.line("") }
            empty = false
            let text = group.table.text(
                wide: format.output == .wide, namespaces: all.allNamespaces && group.resource.namespaced,
                prefix: targets.severalKinds ? group.resource.singular + "/" : "")
            try Console.write(text.text(withHeader: !noHeaders))
        }
        if empty, !ignoreNotFound { Console.error(nothing(targets)) }
    }

    private func nothing(_ targets: Targets) -> String {
        let namespaced = targets.items.contains { $0.resource.namespaced }
        return namespaced && !all.allNamespaces
            ? "No resources found in \(scope.namespace) namespace." : "No resources found"
    }

    private func follow(_ targets: Targets) async throws {
        guard targets.items.count == 1 else {
            throw SwiftletError.invalid("only one resource can be watched at a time")
        }
        let (resource, name) = targets.items[0]
        var query = selector.query
        if let name { query.append(("fieldSelector", "metadata.name=\(name)")) }
        let path = resource.path(namespace: namespace)
        let asObjects = format.output.map { $0 != .wide } ?? false
        let accept = asObjects ? "application/json" : ServerTable.accept
        let printer = WatchPrinter(
            format: format.output, namespaces: all.allNamespaces && resource.namespaced, headers: !noHeaders,
            resource: resource)
        var version: String?
        if !watchOnly || name != nil {
            if let name, !watchOnly { _ = try await global.api.send(try request(resource, name)) }
            let list = try await global.api.send(.init(.GET, path, query: query, accept: accept)).json()
            version = list[path: "metadata", "resourceVersion"]?.string
            if !watchOnly { try printer.list(list) }
        }
        // The server ends a watch after a while; go on from the last version seen.
        while true {
            try await global.api.watch(path, query: query, resourceVersion: version, accept: accept) { event in
                version = try printer.change(event) ?? version
                return true
            }
        }
    }
}

/// Prints changes as they come, with the columns of the first table kept so that lines stand below each other.
final class WatchPrinter {
    private let format: OutputFormat?
    private let namespaces: Bool
    private var headers: Bool
    private let resource: Resource
    private var columns: [ServerTable.Column] = []
    private var widths: [Int] = []

    init(format: OutputFormat?, namespaces: Bool, headers: Bool, resource: Resource) {
        self.format = format
        self.namespaces = namespaces
        self.headers = headers
        self.resource = resource
    }

    func list(_ document: JSONValue) throws {
        if let format, format != .wide {
            for item in document["items"]?.array ?? [] { try object(item, format) }
        } else if let table = ServerTable(document) {
            columns = table.columns
            if !table.rows.isEmpty { try rows(table) }
        }
    }

    /// Returns the object's resource version.
    func change(_ event: APIClient.WatchEvent) throws -> String? {
        if event.type == "BOOKMARK" { return event.object[path: "metadata", "resourceVersion"]?.string }
        if let format, format != .wide {
            try object(event.object, format)
            return event.object[path: "metadata", "resourceVersion"]?.string
        }
        guard let table = ServerTable(event.object, columns: columns) else { return nil }
        columns = table.columns
        try rows(table)
        return event.object[path: "rows"]?[0]?[path: "object", "metadata", "resourceVersion"]?.string
            ?? event.object[path: "metadata", "resourceVersion"]?.string
    }

    private func object(_ object: JSONValue, _ format: OutputFormat) throws {
        var object = object
        if object["kind"] == nil {
            object["kind"] = .string(resource.kind)
            object["apiVersion"] = .string(resource.groupVersion)
        }
        let separator = format == .yaml ? "---\n" : ""
        try Console.write(separator + ObjectOutput.text([object], format: format))
    }

    private func rows(_ table: ServerTable) throws {
        let text = table.text(wide: format == .wide, namespaces: namespaces)
        let lines = (headers ? [text.header] : []) + text.rows.map { $0.map { printable($0, limit: 2048) } }
        headers = false
        if widths.isEmpty { widths = text.header.map { _ in 0 } }
        for line in lines {
            for (column, cell) in line.enumerated() where column < widths.count {
                widths[column] = max(widths[column], cell.count)
            }
        }
        for line in lines {
            var out = ""
            for (column, cell) in line.enumerated() {
                out += cell
                if column < line.count - 1 {
                    out += String(repeating: " ", count: max(0, widths[column] - cell.count) + 3)
                }
            }
            try Console.line(out)
        }
    }
}
