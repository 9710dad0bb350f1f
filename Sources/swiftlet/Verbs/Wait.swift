import APIClient
import ArgumentParser
import Errors
import JSON

struct Wait: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Wait until objects are as wanted.",
        discussion: """
            Examples:
              swiftlet wait pod/web --for=condition=Ready
              swiftlet wait pods -l app=web --for=condition=Ready --timeout=2m
              swiftlet wait pod/job --for=jsonpath='{.status.phase}'=Succeeded
              swiftlet wait pod/web --for=delete
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var selector: SelectorOptions

    @Argument(help: "TYPE/NAME …, TYPE NAME …, or TYPE with -l or --all.")
    var what: [String]

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("condition=NAME[=VALUE], jsonpath='{.PATH}'[=VALUE], create or delete.", valueName: "goal"))
    var goal: WaitGoal

    @Flag(name: .customLong("all"), help: "All objects of the type in the namespace.")
    var everything = false

    @Option(name: .long, help: "Give up after this long; 0 waits for ever.")
    var timeout = Span(seconds: 30)

    mutating func run() async throws {
        let targets = try await Targets(what, Discovery(api: global.api))
        for (resource, name) in targets.items {
            for name in try await names(resource, name) { try await wait(resource, name) }
        }
    }

    private func names(_ resource: Resource, _ name: String?) async throws -> [String] {
        if let name { return [name] }
        guard everything || selector.labels != nil || selector.fields != nil else {
            throw SwiftletError.invalid("\(resource.plural): name some, select with -l, or say --all")
        }
        let list = try await global.api.send(
            .init(.GET, resource.path(namespace: scope.namespace), query: selector.query)
        ).json()
        let names = (list["items"]?.array ?? []).compactMap { $0[path: "metadata", "name"]?.string }
        if names.isEmpty, goal != .delete { throw SwiftletError(.notFound, "no matching resources found") }
        return names
    }

    private func wait(_ resource: Resource, _ name: String) async throws {
        let path = resource.path(namespace: scope.namespace)
        if goal.needsObject {
            // Waiting for a change of what does not exist is a mistake, not a wait.
            _ = try await global.api.send(.init(.GET, resource.path(namespace: scope.namespace, name: name)))
        }
        let (waiter, goal) = (ObjectWait(api: global.api, listPath: path, name: name), goal)
        try await withTimeout(timeout.seconds, "the condition on \(resource.plural)/\(name)") {
            _ = try await waiter.until { try goal.holds($0) }
        }
        try Console.line("\(resource.singular)/\(name) \(goal == .delete ? "deleted" : "condition met")")
    }
}

/// What `wait --for` waits for.
enum WaitGoal: ExpressibleByArgument, Sendable, Equatable {
    case condition(String, String)
    /// Object keys and the value there; nil: any.
    case field([String], String?)
    case delete, create

    init?(argument: String) {
        if argument == "delete" {
            self = .delete
        } else if argument == "create" {
            self = .create
        } else if argument.hasPrefix("condition=") {
            let parts = argument.dropFirst("condition=".count).split(separator: "=", maxSplits: 1)
            guard let name = parts.first else { return nil }
            self = .condition(String(name), parts.count > 1 ? String(parts[1]) : "True")
        } else if argument.hasPrefix("jsonpath=") {
            var rest = argument.dropFirst("jsonpath=".count)
            guard rest.hasPrefix("{"), let close = rest.firstIndex(of: "}") else { return nil }
            let path = rest[rest.index(after: rest.startIndex)..<close]
            rest = rest[rest.index(after: close)...]
            guard path.hasPrefix("."), rest.isEmpty || rest.hasPrefix("=") else { return nil }
            self = .field(WaitGoal.keys(path), rest.isEmpty ? nil : String(rest.dropFirst()))
        } else {
            return nil
        }
    }

    /// `.status.containerStatuses[0].ready` as keys; an index is a key of digits.
    private static func keys(_ path: Substring) -> [String] {
        path.split { $0 == "." || $0 == "[" || $0 == "]" }.map { String($0) }
    }

    var needsObject: Bool {
        switch self {
        case .condition, .field: true
        case .delete, .create: false
        }
    }

    func holds(_ object: JSONValue?) throws -> Bool {
        switch self {
        case .delete: return object == nil
        case .create: return object != nil
        case .condition(let name, let value):
            guard let object else {
                throw SwiftletError(.notFound, "the object was deleted while waiting for condition \(name)")
            }
            let conditions = object[path: "status", "conditions"]?.array ?? []
            return conditions.contains {
                $0["type"]?.string?.lowercased() == name.lowercased()
                    && $0["status"]?.string?.lowercased() == value.lowercased()
            }
        case .field(let keys, let value):
            guard var here = object else {
                throw SwiftletError(.notFound, "the object was deleted while waiting for a field")
            }
            for key in keys {
                guard let next = Int(key).flatMap({ here[$0] }) ?? here[key] else { return false }
                here = next
            }
            guard let value else { return !here.isNull }
            return (here.string ?? here.text()) == value
        }
    }
}
