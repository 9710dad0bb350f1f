import APIClient
import ArgumentParser
import Errors
import JSON
import KubeAPI

struct Patch: AsyncParsableCommand {
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case strategic, merge, json

        var contentType: String {
            switch self {
            case .strategic: "application/strategic-merge-patch+json"
            case .merge: "application/merge-patch+json"
            case .json: "application/json-patch+json"
            }
        }
    }

    enum Subresource: String, ExpressibleByArgument, CaseIterable { case resize, status }

    static let configuration = CommandConfiguration(
        abstract: "Change fields of objects; with --subresource resize, cpu and memory of a pod that runs.",
        discussion: """
            Examples:
              swiftlet patch pod web -p '{"metadata": {"labels": {"tier": "front"}}}'
              swiftlet patch pod web --subresource resize -p \\
                '{"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "500m"}}}]}}'
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var format: OutputOptions
    @OptionGroup var writing: WriteOptions

    @Argument(
        help: "TYPE NAME … or TYPE/NAME ….", completion: .list(["pod", "node", "namespace", "configmap", "secret"]))
    var what: [String]

    @Option(name: [.short, .long], help: "The patch, as JSON or YAML.")
    var patch: String?

    @Option(
        name: .customLong("patch-file"), help: "A file that holds the patch; - for standard input.",
        completion: .file())
    var file: String?

    @Option(help: "What kind of patch it is: strategic (lists are merged by name), merge or json.")
    var type = Kind.strategic

    @Option(help: "Change this part of the object: resize or status.")
    var subresource: Subresource?

    func validate() throws {
        if (patch == nil) == (file == nil) { throw ValidationError("give the patch by -p or by --patch-file") }
        if writing.dryRun == .client {
            throw ValidationError("only the server can apply a patch: use --dry-run=server")
        }
    }

    mutating func run() async throws {
        let body = try Manifest.tree(try bytes(), source: file ?? "the patch").serialized()
        let writer = ObjectWriter(api: global.api, options: writing, format: format.output, manager: "kubectl-patch")
        for (resource, name) in try await Targets(what, Discovery(api: global.api)).items {
            guard let name else {
                throw SwiftletError.invalid("which \(resource.singular) is missing", hint: "name it: TYPE/NAME")
            }
            let path = resource.path(namespace: scope.namespace, name: name, subresource: subresource?.rawValue)
            let before = try await global.api.send(
                .init(.GET, resource.path(namespace: scope.namespace, name: name))
            ).json()
            let response = try await global.api.send(
                .init(
                    .PATCH, path, query: writing.query + [("fieldManager", "kubectl-patch")],
                    contentType: type.contentType, body: body))
            response.warnings.forEach(Console.warning)
            let now = try response.json()
            let changed = now[path: "metadata", "resourceVersion"] != before[path: "metadata", "resourceVersion"]
            try writer.report(now, resource, changed ? "patched" : "patched (no change)")
        }
    }

    private func bytes() throws -> [UInt8] {
        if let patch { return Array(patch.utf8) }
        let limit = Manifest.maxBytes + 1
        guard let file, file != "-" else { return try StandardInput.readAll(limit: limit) }
        return try StandardInput.readFile(file, limit: limit)
    }
}
