import APIClient
import ArgumentParser
import Errors
import JSON
import KubeAPI

struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create or change objects so that they are as a manifest says.",
        discussion: """
            What the manifest no longer says since the last apply is removed; what others set is kept.

            Examples:
              swiftlet apply -f pod.yaml
              swiftlet apply -f manifests/
              cat pod.yaml | swiftlet apply -f -
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var format: OutputOptions
    @OptionGroup var writing: WriteOptions
    @OptionGroup var manifests: ManifestOptions

    mutating func run() async throws {
        for entry in try await manifests.entries(scope, global) { try await apply(entry) }
    }

    private func apply(_ entry: ManifestFiles.Entry) async throws {
        let writer = ObjectWriter(
            api: global.api, options: writing, format: format.output, manager: "kubectl-client-side-apply")
        var desired = entry
        desired.object = ThreeWayApply.annotated(entry.object)
        let path = entry.resource.path(namespace: entry.namespace, name: entry.name)
        // Somebody else may write between our read and our patch: again, with what is there then.
        for attempt in 1... {
            let live: JSONValue
            do { live = try await global.api.send(.init(.GET, path)).json() } catch let error as SwiftletError
                where error.code == .notFound
            {
                return try await writer.create(desired)
            }
            let patch = try ThreeWayApply.patch(live: live, desired: desired.object, kind: entry.resource.kind)
            if patch == [:] { return try writer.report(live, entry.resource, "unchanged") }
            if writing.dryRun == .client { return try writer.report(desired.object, entry.resource, "configured") }
            do {
                let response = try await global.api.send(
                    .init(
                        .PATCH, path, query: writing.query + [("fieldManager", "kubectl-client-side-apply")],
                        contentType: "application/strategic-merge-patch+json", body: patch.serialized()))
                response.warnings.forEach(Console.warning)
                let now = try response.json()
                // A patch may say what is so already: a Secret's stringData reads back as data.
                let changed = now[path: "metadata", "resourceVersion"] != live[path: "metadata", "resourceVersion"]
                return try writer.report(now, entry.resource, changed ? "configured" : "unchanged")
            } catch let error as SwiftletError where error.code == .aborted && attempt < 5 {
                continue
            }
        }
    }
}
