import APIClient
import ArgumentParser
import Errors
import JSON
import KubeAPI

struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what a pod's containers wrote.",
        discussion: """
            Examples:
              swiftlet logs web
              swiftlet logs -f web -c proxy --tail=20
              swiftlet logs -p web                what the container before the last restart wrote
              swiftlet logs -l app=web --prefix
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions

    @Argument(help: "POD or pod/POD.")
    var pod: String?

    @Argument(help: .hidden)
    var containerArgument: String?

    @Option(name: [.short, .long], help: "Which container. Default: the first, or the annotated default.")
    var container: String?

    @Flag(name: [.short, .long], help: "Go on with what is written from now on, until the container ends.")
    var follow = false

    @Flag(name: [.short, .long], help: "Of the container before the last restart.")
    var previous = false

    @Option(name: .long, help: "Only the last lines. Default: all, or 10 with a selector.")
    var tail: Int?

    @Option(name: .long, help: "Only what is newer than this long ago: 10s, 5m, 1h30m.")
    var since: String?

    @Option(name: .customLong("since-time"), help: "Only what is newer than this RFC 3339 time.")
    var sinceTime: String?

    @Flag(name: .long, help: "A time stamp before each line.")
    var timestamps = false

    @Option(name: .customLong("limit-bytes"), help: "At most so many bytes.")
    var limitBytes: Int?

    @Flag(name: .customLong("all-containers"), help: "Of all containers of the pod.")
    var allContainers = false

    @Flag(name: .long, help: "Pod and container before each line.")
    var prefix = false

    @Option(name: [.customShort("l"), .customLong("selector")], help: "Of all pods whose labels match.")
    var selector: String?

    func validate() throws {
        if (pod == nil) == (selector == nil) { throw ValidationError("name a pod, or select some with -l") }
        if since != nil && sinceTime != nil { throw ValidationError("--since and --since-time exclude each other") }
    }

    mutating func run() async throws {
        var sources: [(pod: String, container: String?)] = []
        if let selector {
            let list = try await global.api.send(
                .init(.GET, APIPath.core("pods", namespace: scope.namespace), query: [("labelSelector", selector)])
            ).json()
            for item in list["items"]?.array ?? [] { sources += try containers(of: item) }
            if sources.isEmpty { return Console.error("No resources found in \(scope.namespace) namespace.") }
        } else if let pod {
            let name =
                pod.hasPrefix("pod/")
                ? String(pod.dropFirst(4)) : pod.hasPrefix("pods/") ? String(pod.dropFirst(5)) : pod
            if allContainers {
                let object = try await global.api.send(
                    .init(.GET, APIPath.core("pods", namespace: scope.namespace, name: name))
                ).json()
                sources = try containers(of: object)
            } else {
                var chosen = container ?? containerArgument
                if chosen == nil {
                    chosen = try await DefaultContainer.choose(api: global.api, namespace: scope.namespace, pod: name)
                }
                sources = [(name, chosen)]
            }
        }
        try await print(sources)
    }

    private func containers(of object: JSONValue) throws -> [(pod: String, container: String?)] {
        let pod = try Pod(object)
        if !allContainers { return [(pod.metadata.name ?? "", try container ?? DefaultContainer.choose(of: object))] }
        return (pod.spec.initContainers + pod.spec.containers).map { (pod.metadata.name ?? "", $0.name) }
    }

    /// One after the other; all at once when following.
    private func print(_ sources: [(pod: String, container: String?)]) async throws {
        let query = try query()
        if !follow || sources.count == 1 {
            for source in sources { try await print(source, query) }
            return
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for source in sources {
                let (api, namespace, prefix) = (global.api, scope.namespace, prefix)
                group.addTask {
                    try await Logs.copy(api, namespace, source.pod, source.container, query, prefix: prefix)
                }
            }
            try await group.waitForAll()
        }
    }

    private func print(_ source: (pod: String, container: String?), _ query: [(name: String, value: String)])
        async throws
    {
        try await Logs.copy(global.api, scope.namespace, source.pod, source.container, query, prefix: prefix)
    }

    private static func copy(
        _ api: APIClient, _ namespace: String, _ pod: String, _ container: String?,
        _ query: [(name: String, value: String)],
        prefix: Bool
    ) async throws {
        var query = query
        if let container { query.append(("container", container)) }
        let request = APIClient.Request(
            .GET, APIPath.core("pods", namespace: namespace, name: pod, subresource: "log"), query: query, accept: "*/*"
        )
        guard prefix else {
            return try await api.stream(request) { try Console.write(Array($0.readableBytesView), to: 1) }
        }
        let head = Array("[pod/\(pod)\(container.map { "/\($0)" } ?? "")] ".utf8)
        var rest: [UInt8] = []
        try await api.stream(request) { chunk in
            rest += chunk.readableBytesView
            while let end = rest.firstIndex(of: 0x0a) {
                try Console.write(head + rest[...end], to: 1)
                rest.removeSubrange(...end)
            }
        }
        if !rest.isEmpty { try Console.write(head + rest + [0x0a], to: 1) }
    }

    private func query() throws -> [(name: String, value: String)] {
        var query: [(name: String, value: String)] = []
        if follow { query.append(("follow", "true")) }
        if previous { query.append(("previous", "true")) }
        if timestamps { query.append(("timestamps", "true")) }
        if let tail = tail ?? (selector == nil ? nil : 10), tail >= 0 { query.append(("tailLines", "\(tail)")) }
        if let limitBytes { query.append(("limitBytes", "\(limitBytes)")) }
        if let sinceTime { query.append(("sinceTime", sinceTime)) }
        if let since { query.append(("sinceSeconds", "\(max(1, Int(try Span(since).seconds.rounded(.up))))")) }
        return query
    }
}
