import Errors
import JSON
import KubeAPI

/// A ConfigMap, Secret or claim of the manifests folder.
struct StaticSource: Sendable, Equatable {
    /// Admitted, with the annotations that say where it is from.
    var object: JSONValue
    var file: String
}

/// Objects beside the static pods in their folder. They are kept in the API as the files say, and go with them; a claim
/// stays, for its data would go as well.
extension PodLoop {
    func take(sources found: ManifestFolder.Found) async {
        for (reference, old) in statics.sources where found.sources[reference] == nil {
            // A slip in a file takes away nothing that was in it.
            if found.broken.contains(old.file) { continue }
            statics.sources[reference] = nil
        }
        statics.sources.merge(found.sources) { $1 }
        if found.broken.isEmpty { await removeSourcesWithoutFile() }
        await keepAllSources()
    }

    func keepAllSources() async {
        for (reference, source) in statics.sources { await keep(reference, source) }
    }

    func keep(_ reference: SourceReference, _ source: StaticSource) async {
        do {
            if let present = try await context.cluster.source(reference) {
                let isOurs = present[path: "metadata", "annotations"]?[Annotation.configSource] == "file"
                guard isOurs else {
                    throw SwiftletError(
                        .alreadyExists, "the API has one of this name that is not from the manifests folder",
                        hint: "delete it, or give the one in \(printable(source.file)) another name")
                }
                // What a claim asked for when it was made cannot change.
                if reference.kind == .claim || same(present, source.object) { return }
            }
            try await context.cluster.putSource(source.object)
        } catch {
            let what = "\(reference.kind.rawValue) \(reference.namespace)/\(printable(reference.name))"
            let problem = "\(printable(source.file)): keep \(what): \(SwiftletError.wrapping(error))"
            if statics.reported.insert(problem).inserted { await report(problem) }
        }
    }

    /// In what a file can say.
    private func same(_ left: JSONValue, _ right: JSONValue) -> Bool {
        ["data", "binaryData", "type", "immutable"].allSatisfy { left[$0] == right[$0] }
            && ["labels", "annotations"].allSatisfy { left["metadata"]?[$0] == right["metadata"]?[$0] }
    }

    /// Also those of files that went while the daemon was not running.
    private func removeSourcesWithoutFile() async {
        for kind in [SourceReference.Kind.configMap, .secret] {
            do {
                for object in try await context.cluster.sources(kind) {
                    let metadata = try ObjectMeta(object["metadata"] ?? [:])
                    let reference = SourceReference(
                        kind, namespace: metadata.namespace ?? "default", name: metadata.name ?? "")
                    guard metadata.annotations[Annotation.configSource] == "file", statics.sources[reference] == nil
                    else { continue }
                    try await context.cluster.removeSource(reference, uid: metadata.uid ?? "")
                }
            } catch {
                context.log.warning(
                    "remove \(kind.rawValue)s whose file is gone: \(SwiftletError.wrapping(error))")
            }
        }
    }
}
