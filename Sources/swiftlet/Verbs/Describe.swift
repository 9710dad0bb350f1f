import APIClient
import ArgumentParser
import Errors
import JSON
import KubeAPI

struct Describe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show an object in full, with its events.",
        discussion: """
            Examples:
              swiftlet describe pod web
              swiftlet describe pods -l app=web
              swiftlet describe node
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var all: AllNamespacesOptions
    @OptionGroup var selector: SelectorOptions

    @Argument(
        help: "TYPE, TYPE NAME … or TYPE/NAME ….",
        completion: .list(["pod", "node", "namespace", "configmap", "secret", "pvc"]))
    var what: [String]

    mutating func run() async throws {
        let targets = try await Targets(what, Discovery(api: global.api))
        let namespace = all.allNamespaces ? nil : scope.namespace
        var texts: [String] = []
        for (resource, name) in targets.items {
            let path = resource.path(namespace: namespace, name: name)
            let document = try await global.api.send(.init(.GET, path, query: name == nil ? selector.query : [])).json()
            for object in document["items"]?.array ?? [document] { texts.append(try await describe(object, resource)) }
        }
        if texts.isEmpty { return Console.error("No resources found in \(scope.namespace) namespace.") }
        try Console.write(texts.joined(separator: "\n\n"))
    }

    private func describe(_ object: JSONValue, _ resource: Resource) async throws -> String {
        let events = try await self.events(of: object)
        switch resource.plural {
        case "pods": return PodDescription(try Pod(object), events: events).text()
        case "configmaps", "secrets":
            return ConfigDescription(
                .object((object.object ?? [:]).merging(["kind": .string(resource.kind)]) { $1 }), events: events
            ).text()
        case "nodes": return NodeDescription(try Node(object), events: events).text()
        default: return GenericDescription(object, events: events).text()
        }
    }

    private func events(of object: JSONValue) async throws -> [Event] {
        guard let name = object[path: "metadata", "name"]?.string else { return [] }
        var fields = ["involvedObject.name=\(name)"]
        // A kubelet names its node in place of the uid.
        let uid = object[path: "metadata", "uid"]?.string
        if let uid, object["kind"]?.string != "Node" { fields.append("involvedObject.uid=\(uid)") }
        let namespace = object[path: "metadata", "namespace"]?.string
        let list = try await global.api.send(
            .init(
                .GET, APIPath.core("events", namespace: namespace),
                query: [("fieldSelector", fields.joined(separator: ","))])
        ).json()
        return try (list["items"]?.array ?? []).map { try Event($0) }
    }
}
