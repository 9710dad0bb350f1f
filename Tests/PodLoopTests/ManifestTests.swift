import Errors
import KubeAPI
import Testing

@testable import PodLoop

@Suite struct ManifestTests {
    struct Folder: ManifestSource {
        func files() async throws -> [ManifestFile] { [] }
        func changes() -> AsyncStream<Void> { AsyncStream { $0.finish() } }
    }

    private func read(_ files: [(String, String)]) -> ManifestFolder.Found {
        ManifestFolder(source: Folder(), node: "n1").pods(
            in: files.map { ManifestFile(name: $0.0, content: .success(Array($0.1.utf8))) })
    }

    private static let good = """
        apiVersion: v1
        kind: Pod
        metadata: {name: web, labels: {app: web}}
        spec:
          containers:
          - {name: app, image: "busybox:1"}
        """

    @Test func staticPod() throws {
        let found = read([("a.yaml", Self.good)])
        #expect(found.problems == [])
        let pod = try #require(found.pods.values.first)
        #expect(pod.reference.name == "web-n1")
        #expect(pod.reference.namespace == "default")
        #expect(pod.reference.uid.count == 32)
        #expect(pod.spec.nodeName == "n1")
        #expect(pod.metadata.annotations["kubernetes.io/config.source"] == "file")
        #expect(pod.metadata.annotations["kubernetes.io/config.mirror"] == pod.reference.uid)
        #expect(pod.metadata.labels == ["app": "web"])
    }

    @Test func aChangeIsAnotherPod() {
        let one = read([("a.yaml", Self.good)]).pods.keys.sorted()
        #expect(read([("b.yaml", Self.good)]).pods.keys.sorted() == one)
        #expect(read([("a.yaml", Self.good + "\n# comment")]).pods.keys.sorted() == one)
        #expect(read([("a.yaml", Self.good.replacing("busybox:1", with: "busybox:2"))]).pods.keys.sorted() != one)
    }

    @Test func severalDocuments() {
        let found = read([("a.yaml", Self.good + "\n---\n" + Self.good.replacing("web", with: "two"))])
        #expect(found.pods.values.map(\.reference.name).sorted() == ["two-n1", "web-n1"])
    }

    static let broken: [(String, [String])] = [
        (good.replacing("image", with: "imagge"), ["bad.yaml document 1", "spec.containers[0].imagge"]),
        ("a: [", ["bad.yaml"]),
        ("apiVersion: apps/v1\nkind: Deployment", ["bad.yaml document 1", "apps/v1 Deployment"]),
        (good + "\n---\n" + good.replacing("busybox:1", with: "busybox:2"), ["document 2", "document 1 already"]),
    ]

    @Test(arguments: broken) func aBrokenFileSpoilsNoOther(_ text: String, _ words: [String]) {
        let found = read([("bad.yaml", text), ("good.yaml", Self.good.replacing("web", with: "other"))])
        #expect(found.pods.values.contains { $0.reference.name == "other-n1" })
        #expect(found.problems.count >= 1)
        for word in words { #expect(found.problems.contains { $0.contains(word) }, "\(word) in \(found.problems)") }
    }
}
