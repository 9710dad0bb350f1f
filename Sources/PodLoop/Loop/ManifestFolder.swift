import Errors
import JSON
import KubeAPI

/// The files of the manifests folder, read by somebody who may touch files.
public protocol ManifestSource: Sendable {
    /// All files that may hold manifests, in the order of their names. Throws when the folder cannot be read.
    func files() async throws -> [ManifestFile]
    /// One element after each change, until the reader stops.
    func changes() -> AsyncStream<Void>
}

public struct ManifestFile: Sendable {
    public var name: String
    public var content: Result<[UInt8], SwiftletError>

    public init(name: String, content: Result<[UInt8], SwiftletError>) {
        self.name = name
        self.content = content
    }
}

/// Makes static pods of manifests, and finds the ConfigMaps, Secrets and claims beside them. A pod is called `<name>-<node>`, their uid a hash of what is written, so that a changed manifest is
/// another pod.
struct ManifestFolder: Sendable {
    struct Found: Sendable {
        /// By uid.
        var pods: [String: Pod] = [:]
        /// The file of each, by uid.
        var files: [String: String] = [:]
        var sources: [SourceReference: StaticSource] = [:]
        /// Files that hold something that could not be read.
        var broken: Set<String> = []
        /// One sentence each, naming file, document and field.
        var problems: [String] = []
    }

    let source: any ManifestSource
    let node: String

    func read() async throws -> Found { pods(in: try await source.files()) }

    /// A file that is wrong spoils no other.
    func pods(in files: [ManifestFile]) -> Found {
        var found = Found()
        var places: [String: String] = [:]
        for file in files {
            do {
                for object in try Manifest.objects(try file.content.get(), source: file.name) {
                    let place = "\(printable(file.name)) document \(object.document)"
                    if let kind = SourceReference.Kind(rawValue: object.kind), object.apiVersion == "v1" {
                        source(object, kind, place, file.name, &found)
                        continue
                    }
                    guard let pod = pod(object, place, file.name, &found) else { continue }
                    let name = "\(pod.reference.namespace)/\(pod.reference.name)"
                    if let first = places[name] {
                        found.problems.append("\(place): pod \(name) is in \(first) already; give it another name")
                        continue
                    }
                    places[name] = place
                    found.pods[pod.reference.uid] = pod
                    found.files[pod.reference.uid] = file.name
                }
            } catch {
                found.broken.insert(file.name)
                found.problems.append(SwiftletError.wrapping(error).description)
            }
        }
        return found
    }

    private func pod(_ object: ManifestObject, _ place: String, _ file: String, _ found: inout Found) -> Pod? {
        guard object.apiVersion == "v1", object.kind == "Pod" else {
            let kind = printable("\(object.apiVersion) \(object.kind)")
            found.problems.append(
                "\(place): \(kind) is not read from the manifests folder; put only v1 Pod, ConfigMap, Secret and PersistentVolumeClaim there"
            )
            return nil
        }
        let admission = Admission(object.object, kind: "Pod")
        found.problems += admission.faults.map { "\(place): \($0)" }
        found.problems += admission.warnings.map { "\(place): \($0)" }
        do {
            if let tree = admission.object { return try named(tree) }
        } catch {
            found.problems.append("\(place): \(SwiftletError.wrapping(error))")
        }
        found.broken.insert(file)
        return nil
    }

    private func source(
        _ object: ManifestObject, _ kind: SourceReference.Kind, _ place: String, _ file: String, _ found: inout Found
    ) {
        let admission = Admission(object.object, kind: kind.rawValue)
        found.problems += admission.faults.map { "\(place): \($0)" }
        guard var tree = admission.object, let name = tree[path: "metadata", "name"]?.string, !name.isEmpty else {
            if admission.faults.isEmpty { found.problems.append("\(place): metadata.name is not set") }
            found.broken.insert(file)
            return
        }
        let namespace = tree[path: "metadata", "namespace"]?.string ?? "default"
        let reference = SourceReference(kind, namespace: namespace, name: name)
        if let first = found.sources[reference] {
            let what = "\(kind.rawValue) \(namespace)/\(name)"
            found.problems.append("\(place): \(what) is in \(printable(first.file)) already; give it another name")
            return
        }
        var metadata: JSONValue = ["name": .string(name), "namespace": .string(namespace)]
        metadata["labels"] = tree["metadata"]?["labels"]
        var annotations = tree["metadata"]?["annotations"] ?? [:]
        annotations[Annotation.configSource] = "file"
        metadata["annotations"] = annotations
        tree["metadata"] = metadata
        found.sources[reference] = StaticSource(object: tree, file: file)
    }

    private func named(_ tree: JSONValue) throws -> Pod {
        var pod = try Pod(tree)
        let namespace = pod.metadata.namespace ?? "default"
        let name = "\(pod.metadata.name ?? "")-\(node)"
        let text = tree.text()
        let uid = stableHash(["uid", node, namespace, name, text]) + stableHash(["more", node, namespace, name, text])
        var metadata = ObjectMeta(name: name, namespace: namespace)
        metadata.uid = uid
        metadata.labels = pod.metadata.labels
        metadata.annotations = pod.metadata.annotations
        metadata.annotations[Annotation.configSource] = "file"
        metadata.annotations[Annotation.configHash] = uid
        metadata.annotations[Annotation.configMirror] = uid
        metadata.ownerReferences = [
            OwnerReference(apiVersion: "v1", kind: "Node", name: node, uid: node, controller: true)
        ]
        pod.metadata = metadata
        pod.spec.nodeName = node
        pod.status = nil
        return pod
    }
}
