import APIClient
import ArgumentParser
import Errors
import Glibc
import JSON
import KubeAPI
import LinuxSystem

/// For verbs that take objects from manifests.
struct ManifestOptions: ParsableArguments {
    @Option(
        name: [.customShort("f"), .customLong("filename")],
        help: "A manifest or a folder of them; - for standard input.", completion: .file())
    var files: [String]

    func entries(_ scope: NamespaceOptions, _ global: GlobalOptions) async throws -> [ManifestFiles.Entry] {
        try await ManifestFiles(files, namespace: scope.namespace).objects(Discovery(api: global.api))
    }
}

/// The objects of the manifests named with `-f`: files, folders (their .yaml, .yml and .json), or - for standard input.
struct ManifestFiles {
    struct Entry {
        var resource: Resource
        /// nil for a cluster-wide kind.
        var namespace: String?
        var name: String
        var object: JSONValue
    }

    private let paths: [String]
    private let namespace: String

    init(_ paths: [String], namespace: String) {
        self.paths = paths
        self.namespace = namespace
    }

    /// All of them, so that a fault in the last file stops the first from being applied.
    func objects(_ discovery: Discovery) async throws -> [Entry] {
        var entries: [Entry] = []
        for path in try paths.flatMap(files) {
            let bytes =
                path == "-"
                ? try StandardInput.readAll(limit: Manifest.maxBytes + 1)
                : try StandardInput.readFile(path, limit: Manifest.maxBytes + 1)
            let source = path == "-" ? "standard input" : path
            for item in try Manifest.objects(bytes, source: source) {
                do { entries.append(try await entry(item, discovery)) } catch let error as SwiftletError {
                    throw error.during("read manifest", "\(printable(source)) (document \(item.document))")
                }
            }
        }
        guard !entries.isEmpty else {
            throw SwiftletError.invalid("no objects in \(paths.map { printable($0) }.joined(separator: ", "))")
        }
        return entries
    }

    private func entry(_ item: ManifestObject, _ discovery: Discovery) async throws -> Entry {
        let resource = try await discovery.resource(apiVersion: item.apiVersion, kind: item.kind)
        var object = item.object
        var chosen: String?
        if resource.namespaced {
            chosen = object[path: "metadata", "namespace"]?.string ?? namespace
            var metadata = object["metadata"] ?? [:]
            metadata["namespace"] = chosen.map { .string($0) }
            object["metadata"] = metadata
        }
        return Entry(resource: resource, namespace: chosen, name: item.name, object: object)
    }

    private func files(_ path: String) throws -> [String] {
        if path == "-" { return [path] }
        var information = stat()
        try check(stat(path, &information), "open", path)
        guard information.st_mode & S_IFMT == S_IFDIR else { return [path] }
        guard let directory = opendir(path) else { throw systemError(errno, "open", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if [".yaml", ".yml", ".json"].contains(where: name.hasSuffix) { names.append("\(path)/\(name)") }
        }
        guard !names.isEmpty else {
            throw SwiftletError.invalid("no .yaml, .yml or .json files in it", object: printable(path))
        }
        return names.sorted()
    }
}
