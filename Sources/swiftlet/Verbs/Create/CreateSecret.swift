import APIClient
import ArgumentParser
import JSON

struct CreateSecret: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "A Secret.",
        subcommands: [CreateGenericSecret.self, CreateTLSSecret.self])
}

struct CreateGenericSecret: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generic", abstract: "From literals and files.",
        discussion: """
            Examples:
              swiftlet create secret generic login --from-file=password=pw.txt --from-literal=user=anna
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var format: OutputOptions
    @OptionGroup var writing: WriteOptions
    @OptionGroup var sources: KeySources

    @Option(name: .long, help: "Opaque if left out; some types of Kubernetes' own must have certain keys.")
    var type: String?

    @Argument var name: String

    mutating func run() async throws {
        let writer = ObjectWriter(api: global.api, options: writing, format: format.output, manager: "kubectl-create")
        try await writer.createSecret(name, scope.namespace, type: type, try sources.read())
    }
}

struct CreateTLSSecret: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tls", abstract: "From a certificate and its private key (PEM).")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var format: OutputOptions
    @OptionGroup var writing: WriteOptions

    @Option(name: .long, help: "The certificate's file.", completion: .file()) var cert: String
    @Option(name: .long, help: "The key's file.", completion: .file()) var key: String

    @Argument var name: String

    mutating func run() async throws {
        let writer = ObjectWriter(api: global.api, options: writing, format: format.output, manager: "kubectl-create")
        let keys = [
            "tls.crt": try StandardInput.readFile(cert, limit: 1 << 20),
            "tls.key": try StandardInput.readFile(key, limit: 1 << 20),
        ]
        try await writer.createSecret(name, scope.namespace, type: "kubernetes.io/tls", keys)
    }
}

extension ObjectWriter {
    fileprivate func createSecret(
        _ name: String, _ namespace: String, type: String?, _ keys: [String: [UInt8]]
    ) async throws {
        var object: JSONValue = [
            "apiVersion": "v1", "kind": "Secret",
            "metadata": ["name": .string(name), "namespace": .string(namespace)],
        ]
        if !keys.isEmpty {
            object["data"] = .object(keys.mapValues { .string(String(decoding: Base64.encode($0), as: UTF8.self)) })
        }
        if let type { object["type"] = .string(type) }
        let resource = try await Discovery(api: api).resource(apiVersion: "v1", kind: "Secret")
        try await create(.init(resource: resource, namespace: namespace, name: name, object: object))
    }
}
