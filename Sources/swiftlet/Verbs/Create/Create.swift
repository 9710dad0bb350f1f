import APIClient
import ArgumentParser
import Errors
import JSON

struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create the objects of a manifest, or one by its name.",
        discussion: """
            Examples:
              swiftlet create -f pod.yaml
              swiftlet create namespace demo
              swiftlet create configmap settings --from-literal=mode=fast
              swiftlet create secret generic login --from-file=password
            """,
        subcommands: [CreateObjects.self, CreateNamespace.self, CreateConfigMap.self, CreateSecret.self],
        defaultSubcommand: CreateObjects.self)
}

struct CreateObjects: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "objects", abstract: "From files (the default).", shouldDisplay: false)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var format: OutputOptions
    @OptionGroup var writing: WriteOptions
    @OptionGroup var manifests: ManifestOptions

    mutating func run() async throws {
        let writer = ObjectWriter(api: global.api, options: writing, format: format.output, manager: "kubectl-create")
        for entry in try await manifests.entries(scope, global) { try await writer.create(entry) }
    }
}

struct CreateNamespace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "namespace", abstract: "A namespace by its name.", aliases: ["ns"])

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: OutputOptions
    @OptionGroup var writing: WriteOptions

    @Argument var name: String

    mutating func run() async throws {
        let resource = try await Discovery(api: global.api).resource(apiVersion: "v1", kind: "Namespace")
        let object: JSONValue = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]]
        let writer = ObjectWriter(api: global.api, options: writing, format: format.output, manager: "kubectl-create")
        try await writer.create(.init(resource: resource, namespace: nil, name: name, object: object))
    }
}

/// For verbs that write objects.
struct WriteOptions: ParsableArguments {
    enum DryRun: String, ExpressibleByArgument, CaseIterable { case none, server, client }
    enum Validation: String, ExpressibleByArgument, CaseIterable { case strict, warn, ignore }

    @Option(
        name: .customLong("dry-run"),
        help: "server: let the server check and answer, but keep nothing. client: only print.")
    var dryRun = DryRun.none

    @Option(name: .long, help: "What unknown fields are: strict (an error), warn or ignore.")
    var validate = Validation.strict

    var query: [(name: String, value: String)] {
        var query = [
            (
                name: "fieldValidation",
                value: "\(validate.rawValue.prefix(1).uppercased())\(validate.rawValue.dropFirst())"
            )
        ]
        if dryRun == .server { query.append(("dryRun", "All")) }
        return query
    }

    var suffix: String {
        switch dryRun {
        case .none: ""
        case .server: " (server dry run)"
        case .client: " (dry run)"
        }
    }
}

/// Sends objects to the server and prints what became of them.
struct ObjectWriter {
    let api: APIClient
    let options: WriteOptions
    let format: OutputFormat?
    let manager: String

    func create(_ entry: ManifestFiles.Entry) async throws {
        if options.dryRun == .client { return try report(entry.object, entry.resource, "created") }
        let response = try await api.send(
            .init(
                .POST, entry.resource.path(namespace: entry.namespace),
                query: options.query + [("fieldManager", manager)],
                contentType: "application/json", body: entry.object.serialized()))
        response.warnings.forEach(Console.warning)
        try report(try response.json(), entry.resource, "created")
    }

    func report(_ object: JSONValue, _ resource: Resource, _ done: String) throws {
        switch format {
        case .json?, .yaml?, .name?:
            if let format { try Console.write(ObjectOutput.text([object], format: format, resource: resource)) }
        default: try Console.line("\(ObjectOutput.name(object, resource)) \(done)\(options.suffix)")
        }
    }
}
