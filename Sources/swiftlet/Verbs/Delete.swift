import APIClient
import ArgumentParser
import Errors
import JSON
import KubeAPI

struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete objects, and wait until they are gone.",
        discussion: """
            Examples:
              swiftlet delete pod web
              swiftlet delete -f web.yaml
              swiftlet delete pods -l app=web --grace-period=5
              swiftlet delete pods --all
              swiftlet delete pod stuck --force --grace-period=0
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var all: AllNamespacesOptions
    @OptionGroup var selector: SelectorOptions

    @Argument(help: "TYPE NAME …, TYPE/NAME …, or TYPE with -l or --all.")
    var what: [String] = []

    @Option(
        name: [.customShort("f"), .customLong("filename")], help: "The objects in this manifest; - for standard input.",
        completion: .file())
    var files: [String] = []

    @Flag(name: .customLong("all"), help: "All objects of the type in the namespace.")
    var everything = false

    @Option(
        name: .customLong("grace-period"),
        help: "Seconds a pod gets to end by itself; -1 is the pod's own, 0 needs --force.")
    var gracePeriod = -1

    @Flag(name: .long, help: "Grace of one second.")
    var now = false

    @Flag(name: .long, help: "Remove the object at once, without waiting until its processes ended.")
    var force = false

    @Flag(inversion: .prefixedNo, help: "Wait until the objects are gone.")
    var wait = true

    @Flag(name: .customLong("ignore-not-found"), help: "An object that does not exist is no error.")
    var ignoreNotFound = false

    @Option(name: .long, help: "Give up waiting after this long; 0 waits for ever.")
    var timeout: Span?

    @Option(name: [.customShort("o"), .long], help: "name: print only TYPE/NAME.", completion: .list(["name"]))
    var output: OutputFormat?

    private struct Victim {
        var resource: Resource
        var namespace: String?
        var name: String
        var uid: String?
    }

    func validate() throws {
        if what.isEmpty == files.isEmpty { throw ValidationError("name objects, or a manifest with -f") }
        if gracePeriod == 0, !force { throw ValidationError("--grace-period=0 needs --force") }
        if now, gracePeriod >= 0 { throw ValidationError("--now and --grace-period exclude each other") }
    }

    mutating func run() async throws {
        if force {
            Console.warning(
                "Immediate deletion does not wait for confirmation that the running resource has been terminated. "
                    + "The resource may continue to run on the cluster indefinitely.")
        }
        let victims = try await victims()
        if victims.isEmpty { return Console.error(ignoreNotFound ? "" : "No resources found") }
        var failed = false
        var waiting: [Victim] = []
        for victim in victims {
            do {
                if let left = try await delete(victim) { waiting.append(left) }
            } catch let error as SwiftletError where error.code == .notFound {
                if ignoreNotFound { continue }
                Console.error("\(error)")
                failed = true
            }
        }
        if wait && !force { for victim in waiting { try await awaitEnd(victim) } }
        if failed { throw ExitCode.failure }
    }

    private func victims() async throws -> [Victim] {
        let discovery = Discovery(api: global.api)
        if !files.isEmpty {
            return try await ManifestFiles(files, namespace: scope.namespace).objects(discovery).map {
                Victim(resource: $0.resource, namespace: $0.namespace, name: $0.name)
            }
        }
        let targets = try await Targets(what, discovery)
        var found: [Victim] = []
        for (resource, name) in targets.items {
            if let name {
                found.append(Victim(resource: resource, namespace: scope.namespace, name: name))
                continue
            }
            guard everything || selector.labels != nil || selector.fields != nil else {
                throw SwiftletError.invalid("\(resource.plural): name some, select with -l, or say --all")
            }
            let namespace = all.allNamespaces ? nil : scope.namespace
            let list = try await global.api.send(
                .init(.GET, resource.path(namespace: namespace), query: selector.query)
            ).json()
            for item in list["items"]?.array ?? [] {
                guard let name = item[path: "metadata", "name"]?.string else { continue }
                found.append(
                    Victim(
                        resource: resource, namespace: item[path: "metadata", "namespace"]?.string, name: name,
                        uid: item[path: "metadata", "uid"]?.string))
            }
        }
        return found
    }

    /// Returns what is left to wait for.
    private func delete(_ victim: Victim) async throws -> Victim? {
        var options: JSONValue = ["apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"]
        let grace = now ? 1 : force && gracePeriod < 0 ? 0 : gracePeriod
        if grace >= 0 { options["gracePeriodSeconds"] = .int(Int64(grace)) }
        if let uid = victim.uid { options["preconditions"] = ["uid": .string(uid)] }
        let path = victim.resource.path(namespace: victim.namespace, name: victim.name)
        let answer = try await global.api.send(
            .init(.DELETE, path, contentType: "application/json", body: options.serialized())
        ).json()
        if output == .name {
            try Console.line("\(victim.resource.singular)/\(victim.name)")
        } else {
            try Console.line("\(victim.resource.singular) \"\(victim.name)\" \(force ? "force deleted" : "deleted")")
        }
        var left = victim
        left.uid = answer[path: "metadata", "uid"]?.string ?? answer[path: "details", "uid"]?.string
        return answer["kind"]?.string == "Status" ? nil : left
    }

    private func awaitEnd(_ victim: Victim) async throws {
        let limit = timeout?.seconds ?? 0
        let (api, path) = (global.api, victim.resource.path(namespace: victim.namespace))
        let waiter = ObjectWait(api: api, listPath: path, name: victim.name)
        try await withTimeout(limit, "\(victim.resource.singular)/\(victim.name) to be deleted") {
            _ = try await waiter.until { object in
                guard let object else { return true }
                // Another object by that name has come meanwhile: ours is gone.
                return victim.uid != nil && object[path: "metadata", "uid"]?.string != victim.uid
            }
        }
    }
}
