import APIClient
import ArgumentParser
import Errors
import JSON
import KubeAPI

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run an image as a pod of one container.",
        discussion: """
            Examples:
              swiftlet run web --image=nginx
              swiftlet run hello --image=busybox --restart=Never -- echo hello
              swiftlet run -it --rm shell --image=debian --restart=Never -- bash
              swiftlet run web --image=nginx --dry-run=client -o yaml
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var format: OutputOptions
    @OptionGroup var writing: WriteOptions

    @Argument(help: "The pod's name.")
    var name: String

    @Option(help: "The image.")
    var image: String

    @Option(help: "Always, OnFailure or Never.", completion: .list(["Always", "OnFailure", "Never"]))
    var restart = "Always"

    @Option(name: .customLong("env"), help: ArgumentHelp("A variable, as often as wanted.", valueName: "NAME=value"))
    var environment: [String] = []

    @Option(name: [.customShort("l"), .long], help: "Labels instead of run=NAME: a=b,c=d.")
    var labels: String?

    @Option(help: "Annotations: a=b; as often as wanted.")
    var annotations: [String] = []

    @Option(help: "The port the container listens on.")
    var port: Int?

    @Option(name: .customLong("image-pull-policy"), help: "Always, IfNotPresent or Never.")
    var pullPolicy: String?

    @Flag(help: "The words after -- are the command, not its arguments.")
    var command = false

    @Flag(help: "Run the container privileged.")
    var privileged = false

    @Flag(name: [.customShort("i"), .long], help: "Keep standard input open, and attach to the container.")
    var stdin = false

    @Flag(name: [.customShort("t"), .long], help: "Give the container a terminal.")
    var tty = false

    @Flag(name: .long, help: "Attach to the container once it runs.")
    var attach = false

    @Flag(name: .customLong("rm"), help: "Delete the pod after the attached container ended.")
    var remove = false

    @Argument(parsing: .postTerminator, help: "Arguments for the container.")
    var words: [String] = []

    func validate() throws {
        if remove && !(stdin || attach) { throw ValidationError("--rm needs -i or --attach") }
        if tty && !stdin { throw ValidationError("-t needs -i") }
        if let port, !(1...65535).contains(port) { throw ValidationError("--port must be 1 to 65535") }
    }

    mutating func run() async throws {
        let resource =
            try await writing.dryRun == .client
            ? Run.pods : Discovery(api: global.api).resource(apiVersion: "v1", kind: "Pod")
        let entry = ManifestFiles.Entry(resource: resource, namespace: scope.namespace, name: name, object: try pod())
        let writer = ObjectWriter(api: global.api, options: writing, format: format.output, manager: "kubectl-run")
        let attached = (stdin || attach) && writing.dryRun == .none
        if !attached { return try await writer.create(entry) }
        let response = try await global.api.send(
            .init(
                .POST, resource.path(namespace: scope.namespace),
                query: writing.query + [("fieldManager", "kubectl-run")],
                contentType: "application/json", body: entry.object.serialized()))
        response.warnings.forEach(Console.warning)
        try await runAttached(resource)
    }

    /// Works without a server, for `--dry-run=client`.
    private static let pods = Resource(
        plural: "pods", singular: "pod", shortNames: ["po"], kind: "Pod", namespaced: true, groupVersion: "v1")

    private func pod() throws -> JSONValue {
        var container: JSONValue = ["name": .string(name), "image": .string(image), "resources": [:]]
        if !words.isEmpty { container[command ? "command" : "args"] = .array(words.map { .string($0) }) }
        if !environment.isEmpty {
            container["env"] = .array(
                try environment.map { text in
                    let (key, value) = try Run.pair(text, option: "--env")
                    return ["name": .string(key), "value": .string(value)]
                })
        }
        if let port { container["ports"] = [["containerPort": .int(Int64(port))]] }
        if let pullPolicy { container["imagePullPolicy"] = .string(pullPolicy) }
        if privileged { container["securityContext"] = ["privileged": true] }
        if stdin {
            container["stdin"] = true
            container["stdinOnce"] = true
        }
        if tty { container["tty"] = true }
        var metadata: JSONValue = ["name": .string(name), "namespace": .string(scope.namespace)]
        metadata["labels"] =
            try labels.map { try Run.map($0.split(separator: ",").map(String.init), option: "--labels") } ?? [
                "run": .string(name)
            ]
        if !annotations.isEmpty { metadata["annotations"] = try Run.map(annotations, option: "--annotations") }
        return [
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
            "spec": ["containers": [container], "restartPolicy": .string(restart), "dnsPolicy": "ClusterFirst"],
        ]
    }

    private static func pair(_ text: String, option: String) throws -> (String, String) {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw SwiftletError.invalid("\"\(printable(text))\" is not NAME=value", object: option)
        }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }

    private static func map(_ pairs: [String], option: String) throws -> JSONValue {
        var map: JSONValue = [:]
        for text in pairs {
            let (key, value) = try pair(text, option: option)
            map[key] = .string(value)
        }
        return map
    }

    private func runAttached(_ resource: Resource) async throws {
        let waiter = ObjectWait(api: global.api, listPath: resource.path(namespace: scope.namespace), name: name)
        try await waiter.until { object in
            guard let object else { throw SwiftletError(.notFound, "the pod was deleted before it ran") }
            let phase = object[path: "status", "phase"]?.string ?? "Pending"
            return phase != "Pending"
        }
        let session = PodSession(
            api: global.api, socketPath: global.apiSocket, namespace: scope.namespace, pod: name, container: name,
            input: stdin,
            terminal: tty)
        // What the shell wrote before we joined is in the log, its first prompt too.
        if tty { Console.error("If you don't see a command prompt, try pressing enter.") }
        var result: Result<Int32, any Error>
        do {
            let attached = try await session.attach(orLogs: true)
            result = .success(attached)
        } catch {
            result = .failure(error)
        }
        if case .success = result, restart == "Never" {
            do { result = .success(try await exitCode(waiter)) } catch { result = .failure(error) }
        }
        if remove {
            let path = resource.path(namespace: scope.namespace, name: name)
            let options: JSONValue = ["apiVersion": "v1", "kind": "DeleteOptions"]
            _ = try await global.api.send(
                .init(.DELETE, path, contentType: "application/json", body: options.serialized()))
            try await waiter.until { $0 == nil }
            Console.error("pod \"\(name)\" deleted")
        }
        let code = try result.get()
        if code != 0 { throw ExitCode(code) }
    }

    /// That of the container, once the pod has ended.
    private func exitCode(_ waiter: ObjectWait) async throws -> Int32 {
        let last = try await waiter.until { $0.map { Run.ended($0) != nil } ?? true }
        return last.flatMap(Run.ended) ?? 0
    }

    private static func ended(_ pod: JSONValue) -> Int32? {
        let code = pod[path: "status", "containerStatuses"]?[0]?[path: "state", "terminated", "exitCode"]?.int
        return code.map { Int32(truncatingIfNeeded: $0) }
    }
}
