import Errors
import JSON
import KubeAPI
import Logging
import Testing

@testable import PodLoop

private func configMapObject(_ name: String, _ data: [String: String]) -> JSONValue {
    [
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": ["name": .string(name), "namespace": "default", "uid": "c1"],
        "data": .object(data.mapValues { .string($0) }),
    ]
}

/// Pods that wait for ConfigMaps, Secrets and claims, and hear of their changes.
@Suite struct SourceLoopTests {
    let runtime = FakeRuntime()
    let cluster = FakeCluster()
    let volumes = FakeVolumes()

    private func withLoop(manifests: (any ManifestSource)? = nil, _ body: () async throws -> Void) async throws {
        // The clock stands still: whatever would only be tried later is not tried at all.
        let loop = PodLoop(
            settings: node, cluster: cluster, runtime: runtime, volumes: volumes, manifests: manifests,
            now: { epoch }, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let task = Task { await loop.run() }
        defer { task.cancel() }
        try await body()
        task.cancel()
        await task.value
    }

    private func until(_ what: String, _ holds: () -> Bool) async throws {
        for _ in 0..<3000 {
            if holds() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("never: \(what); calls \(runtime.calls), events \(cluster.events)")
        throw BrokenTest(what)
    }

    private var waiting: (reason: String?, message: String?) {
        guard case .waiting(let reason, let message)? = cluster.now("u1")?.status?.containerStatuses.first?.state else {
            return (nil, nil)
        }
        return (reason, message)
    }

    private func texts(_ volume: String) -> [String: String] {
        let files = volumes.state.withLock { $0.files["u1"]?[volume] ?? [] }
        return Dictionary(uniqueKeysWithValues: files.map { ($0.path, String(decoding: $0.bytes, as: UTF8.self)) })
    }

    private func usingVariable() throws -> Pod {
        try pod([
            "containers": [
                ["name": "app", "image": "busybox:1", "envFrom": [["configMapRef": ["name": "cfg"]]]]
            ]
        ])
    }

    private func usingVolume(_ source: JSONValue) throws -> Pod {
        var volume = source
        volume["name"] = "v"
        return try simple(["volumes": [volume]])
    }

    @Test func aContainerWaitsForItsConfigMap() async throws {
        cluster.put(try usingVariable())
        try await withLoop {
            try await until("it says so") { waiting.reason == "CreateContainerConfigError" }
            #expect(waiting.message == "configmap \"cfg\" not found")
            #expect(cluster.events.contains("Failed: Error: configmap \"cfg\" not found"))
            cluster.put(source: configMapObject("other", [:]))
            cluster.put(source: configMapObject("cfg", ["a": "b"]))
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
        }
    }

    @Test func aPodWaitsForItsVolume() async throws {
        cluster.put(try usingVolume(["configMap": ["name": "cfg"]]))
        try await withLoop {
            let message = "MountVolume.SetUp failed for volume \"v\": configmap \"cfg\" not found"
            try await until("event") { cluster.events.contains("FailedMount: \(message)") }
            try await until("status") { waiting.reason == "ContainerCreating" && waiting.message == message }
            #expect(runtime.calls.isEmpty)
            cluster.put(source: configMapObject("cfg", ["a": "b"]))
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
            #expect(texts("v") == ["a": "b"])
        }
    }

    @Test func aChangeIsShownInTheVolume() async throws {
        cluster.put(source: configMapObject("cfg", ["a": "old"]))
        cluster.put(try usingVolume(["configMap": ["name": "cfg"]]))
        try await withLoop {
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
            cluster.put(source: configMapObject("cfg", ["a": "new"]))
            try await until("new files") { texts("v") == ["a": "new"] }
            // Gone: what was shown stays, and the pod is told.
            try await cluster.removeSource(SourceReference(.configMap, namespace: "default", name: "cfg"), uid: "c1")
            try await until("event") { cluster.events.contains { $0.hasPrefix("FailedMount") } }
            #expect(texts("v") == ["a": "new"])
            #expect(cluster.now("u1")?.status?.phase == .running)
            #expect(!runtime.calls.contains { $0.hasPrefix("Stop") })
        }
    }

    @Test func labelsAreShownInTheVolume() async throws {
        var pod = try usingVolume([
            "downwardAPI": ["items": [["path": "l", "fieldRef": ["fieldPath": "metadata.labels['a']"]]]]
        ])
        pod.metadata.labels = ["a": "one"]
        cluster.put(pod)
        try await withLoop {
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
            #expect(texts("v") == ["l": "one"])
            var changed = try #require(cluster.now("u1"))
            changed.metadata.labels = ["a": "two"]
            cluster.put(changed)
            try await until("new label") { texts("v") == ["l": "two"] }
        }
    }

    private func claim(phase: String = "Bound", deleted: Bool = false) -> JSONValue {
        var claim: JSONValue = [
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": ["name": "data", "namespace": "default", "uid": "p1"],
            "spec": ["accessModes": ["ReadWriteOnce"], "storageClassName": "fast"], "status": ["phase": .string(phase)],
        ]
        if deleted { claim["metadata"]?["deletionTimestamp"] = .string(epoch.rfc3339) }
        return claim
    }

    @Test func aClaimGoesWithItsLastPod() async throws {
        cluster.put(source: claim())
        cluster.put(try usingVolume(["persistentVolumeClaim": ["claimName": "data"]]))
        try await withLoop {
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
            cluster.put(source: claim(deleted: true))
            // One that comes later gets no such claim, and does not hold it.
            var other = try usingVolume(["persistentVolumeClaim": ["claimName": "data"]])
            other.metadata.uid = "u2"
            other.metadata.name = "other"
            other.metadata.creationTimestamp = at(10)
            cluster.put(other)
            try await until("it waits") { cluster.events.contains { $0.contains("\"data\" is being deleted") } }
            #expect(volumes.state.withLock { $0.removedClaims } == [])
            try await cluster.deletePod(try simple().reference, gracePeriodSeconds: 1)
            try await until("removed") { cluster.state.withLock { $0.sources.isEmpty } }
            #expect(volumes.state.withLock { $0.removedClaims } == ["default/data"])
            #expect(cluster.now("u1") == nil)
        }
    }

    static let unusable: [(JSONValue?, String)] = [
        (nil, "persistentvolumeclaim \"data\" not found"), ("Pending", "\"data\" is not bound: storage class \"fast\""),
    ]

    @Test(arguments: unusable.indices) func aClaimThatIsNotThere(index: Int) async throws {
        let (phase, words) = Self.unusable[index]
        if let phase = phase?.string { cluster.put(source: claim(phase: phase)) }
        cluster.put(try usingVolume(["persistentVolumeClaim": ["claimName": "data"]]))
        try await withLoop {
            try await until("event") { cluster.events.contains { $0.hasPrefix("FailedMount") && $0.contains(words) } }
            cluster.put(source: claim())
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
        }
    }

    @Test func objectsBesideStaticPods() async throws {
        let folder = LoopTests.Folder()
        let map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: cfg}, data: {a: b}}"
        let pod = """
            {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [
            {name: app, image: 'busybox:1', envFrom: [{configMapRef: {name: cfg}}]}]}}
            """
        let reference = SourceReference(.configMap, namespace: "default", name: "cfg")
        func stored() -> JSONValue? { cluster.state.withLock { $0.sources[reference] } }
        func mirror() -> Pod? { cluster.state.withLock { $0.pods.values.first } }
        try await withLoop(manifests: folder) {
            folder.write("\(pod)\n---\n\(map)")
            try await until("running") { mirror()?.status?.phase == .running }
            #expect(stored()?["data"] == ["a": "b"])
            #expect(stored()?[path: "metadata", "annotations"]?["kubernetes.io/config.source"] == "file")
            // What somebody makes of it is undone.
            cluster.put(source: configMapObject("cfg", ["a": "x"]).annotatedAsFile)
            try await until("as in the file") { stored()?["data"] == ["a": "b"] }
            try await cluster.removeSource(reference, uid: "c1")
            try await until("back") { stored() != nil }
            // A slip takes nothing away.
            folder.write("\(pod)\n---\n\(map.replacing("data", with: "dat"))")
            try await until("told") { cluster.events.contains { $0.contains("unknown field") } }
            #expect(stored()?["data"] == ["a": "b"])
            folder.write(pod)
            try await until("gone") { stored() == nil }
            #expect(!runtime.calls.contains { $0.hasPrefix("Stop") })
        }
    }

    @Test func anObjectOfSomebodyElseStays() async throws {
        let folder = LoopTests.Folder()
        cluster.put(source: configMapObject("cfg", ["a": "theirs"]))
        try await withLoop(manifests: folder) {
            folder.write("{apiVersion: v1, kind: ConfigMap, metadata: {name: cfg}, data: {a: ours}}")
            try await until("told") { cluster.events.contains { $0.contains("not from the manifests folder") } }
            let reference = SourceReference(.configMap, namespace: "default", name: "cfg")
            #expect(cluster.state.withLock { $0.sources[reference]?["data"] } == ["a": "theirs"])
        }
    }
}

extension JSONValue {
    fileprivate var annotatedAsFile: JSONValue {
        var object = self
        object["metadata"]?["annotations"] = ["kubernetes.io/config.source": "file"]
        return object
    }
}
