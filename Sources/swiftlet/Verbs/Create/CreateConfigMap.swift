import ArgumentParser
import JSON

struct CreateConfigMap: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "configmap", abstract: "A ConfigMap from literals and files.",
        discussion: """
            Examples:
              swiftlet create configmap settings --from-literal=mode=fast --from-file=app.conf
            """, aliases: ["cm"])

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var format: OutputOptions
    @OptionGroup var writing: WriteOptions
    @OptionGroup var sources: KeySources

    @Argument var name: String

    mutating func run() async throws {
        var (texts, binaries): ([String: JSONValue], [String: JSONValue]) = ([:], [:])
        for (key, bytes) in try sources.read() {
            if let text = String(validating: bytes, as: UTF8.self) {
                texts[key] = .string(text)
            } else {
                binaries[key] = .string(String(decoding: Base64.encode(bytes), as: UTF8.self))
            }
        }
        var object: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": ["name": .string(name), "namespace": .string(scope.namespace)],
        ]
        if !texts.isEmpty { object["data"] = .object(texts) }
        if !binaries.isEmpty { object["binaryData"] = .object(binaries) }
        let resource = try await Discovery(api: global.api).resource(apiVersion: "v1", kind: "ConfigMap")
        let writer = ObjectWriter(api: global.api, options: writing, format: format.output, manager: "kubectl-create")
        try await writer.create(
            .init(resource: resource, namespace: scope.namespace, name: name, object: object))
    }
}
