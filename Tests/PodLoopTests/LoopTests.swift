import Errors
import KubeAPI
import Logging
import Synchronization
import Testing

@testable import PodLoop

/// The whole loop over fakes.
@Suite struct LoopTests {
    let runtime = FakeRuntime()
    let cluster = FakeCluster()
    let volumes = FakeVolumes()

    /// Runs the loop beside the body and ends it after. Where time stands still nothing takes any, however busy the machine
    /// is.
    func withLoop(
        manifests: (any ManifestSource)? = nil, timeStands: Bool = false, _ body: (PodLoop) async throws -> Void
    ) async throws {
        let clock = ContinuousClock()
        let begun = clock.now
        let loop = PodLoop(
            settings: node, cluster: cluster, runtime: runtime, volumes: volumes, manifests: manifests,
            now: { timeStands ? epoch : epoch + (clock.now - begun).components.seconds }, log: Logger(label: "test"))
        let task = Task { await loop.run() }
        defer { task.cancel() }
        try await body(loop)
        task.cancel()
        await task.value
    }

    /// Until it holds; the test's own time limit ends a wait for ever.
    func until(_ what: String, _ holds: () -> Bool) async throws {
        for _ in 0..<3000 {
            if holds() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("never: \(what); calls \(runtime.calls), events \(cluster.events)")
        throw BrokenTest(what)
    }

    @Test func convergesAndDeletes() async throws {
        cluster.put(try simple(["terminationGracePeriodSeconds": 7], containers: ["a", "b"]))
        try await withLoop(timeStands: true) { _ in
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
            #expect(runtime.calls == ["RunPodSandbox web 0", "CreateContainer a 0", "CreateContainer b 0"])
            #expect(cluster.events.contains("Started: Container started"))
            try await cluster.deletePod(try simple().reference, gracePeriodSeconds: nil)
            try await until("gone") { cluster.now("u1") == nil }
            #expect(Set(runtime.calls.suffix(4).prefix(2)) == ["StopContainer a 7", "StopContainer b 7"])
            #expect(runtime.calls.suffix(2) == ["StopPodSandbox", "RemovePodSandbox"])
            #expect(cluster.events.contains("Killing: Stopping container a"))
            #expect(volumes.state.withLock { $0.up } == [])
            #expect(volumes.state.withLock { $0.removed } == ["u1"])
        }
    }

    @Test func restartsWhatEnds() async throws {
        cluster.put(try simple())
        try await withLoop { _ in
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
            runtime.exit("app", 3)
            try await until("restarted") {
                cluster.now("u1")?.status?.containerStatuses.first?.restartCount == 1
                    && cluster.now("u1")?.status?.containerStatuses.first?.ready == true
            }
            let status = cluster.now("u1")?.status?.containerStatuses.first
            #expect(status?.lastState?.terminated?.exitCode == 3)
            #expect(status?.lastState?.terminated?.message == "bye")
        }
    }

    @Test func finishesAJob() async throws {
        runtime.state.withLock { $0.exits = ["app": 0] }
        cluster.put(try simple(policy: "Never"))
        try await withLoop { _ in
            try await until("succeeded") { cluster.now("u1")?.status?.phase == .succeeded }
            try await until("volumes down") { volumes.state.withLock { $0.up.isEmpty } }
            #expect(runtime.calls.filter { $0.hasPrefix("Create") }.count == 1)
        }
    }

    @Test func missingImageThatComesLater() async throws {
        runtime.state.withLock { $0.images = [] }
        cluster.put(try simple())
        try await withLoop { loop in
            try await until("pull error") {
                let reason = cluster.now("u1")?.status?.containerStatuses.first?.state?.waitingReason
                return reason == "ErrImagePull" || reason == "ImagePullBackOff"
            }
            guard case .waiting(_, let message)? = cluster.now("u1")?.status?.containerStatuses.first?.state else {
                Issue.record("not waiting")
                return
            }
            #expect(message?.contains("swiftlet image load") == true)
            runtime.state.withLock { $0.images = ["busybox:1"] }
            await loop.imagesChanged()
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
        }
    }

    @Test func volumeThatFails() async throws {
        volumes.state.withLock {
            $0.failure = SwiftletError(.notFound, "no such thing", operation: "mount", object: "v")
        }
        cluster.put(try simple())
        try await withLoop { _ in
            try await until("event") { cluster.events.contains("FailedMount: mount v: no such thing") }
            try await until("the reason is in the status") {
                cluster.now("u1")?.status?.containerStatuses.first?.state
                    == .waiting(reason: "ContainerCreating", message: "mount v: no such thing")
            }
            #expect(runtime.calls.isEmpty)
        }
    }

    /// A second loop over the same runtime: nothing is touched.
    @Test func takesOver() async throws {
        cluster.put(try simple())
        try await withLoop { _ in
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
        }
        let before = runtime.calls
        let status = cluster.now("u1")?.status
        cluster.state.withLock { $0.watchers = [] }
        try await withLoop { _ in
            cluster.put(try pod(["containers": [["name": "x", "image": "busybox:1"]]], name: "other", uid: "u2"))
            try await until("other runs") { cluster.now("u2")?.status?.phase == .running }
            #expect(runtime.calls.filter { !$0.contains("other") && !$0.contains(" x ") } == before)
            #expect(cluster.now("u1")?.status == status)
        }
    }

    @Test func endsWhatNobodyWants() async throws {
        cluster.put(try simple())
        try await withLoop { _ in
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
        }
        cluster.state.withLock {
            $0.pods = [:]
            $0.watchers = []
        }
        volumes.state.withLock { $0.onDisk = ["u1", "u9"] }
        try await withLoop { _ in
            try await until("removed") { runtime.calls.last == "RemovePodSandbox" }
            #expect(runtime.calls.contains("StopContainer app 2"))
            try await until("old files removed") { volumes.state.withLock { Set($0.removed) == ["u1", "u9"] } }
        }
    }

    @Test func forcedDeletion() async throws {
        cluster.put(try simple())
        try await withLoop { _ in
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
            try await cluster.removePod(try simple().reference)
            try await until("removed") { runtime.calls.last == "RemovePodSandbox" }
        }
    }

    final class Folder: ManifestSource {
        let text = Mutex("")
        let (stream, bell) = AsyncStream<Void>.makeStream()

        func write(_ new: String) {
            text.withLock { $0 = new }
            bell.yield()
        }
        func files() async throws -> [ManifestFile] {
            let text = text.withLock { $0 }
            return text.isEmpty ? [] : [ManifestFile(name: "a.yaml", content: .success(Array(text.utf8)))]
        }
        func changes() -> AsyncStream<Void> { stream }
    }

    @Test func followsTheManifestsFolder() async throws {
        let folder = Folder()
        let manifest =
            "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: app, image: 'busybox:1'}]}}"
        func mirror() -> Pod? { cluster.state.withLock { $0.pods.values.first } }
        try await withLoop(manifests: folder) { _ in
            folder.write(manifest)
            try await until("running") { mirror()?.status?.phase == .running }
            let first = try #require(mirror())
            #expect(first.reference.name == "web-n1")
            // Deleting the mirror stops nothing.
            try await cluster.deletePod(first.reference, gracePeriodSeconds: 0)
            try await until("mirror is back") { mirror()?.metadata.deletionTimestamp == nil && mirror() != nil }
            try await until("its status is back") { mirror()?.status?.phase == .running }
            #expect(!cluster.events.contains { $0.hasPrefix("InvalidManifest") })
            folder.write(manifest.replacing("name: app", with: "name: app, imagge: x"))
            try await until("told") {
                cluster.events.contains { $0.hasPrefix("InvalidManifest") && $0.contains("imagge") }
            }
            #expect(!runtime.calls.contains { $0.hasPrefix("Stop") })
            folder.write(manifest.replacing("name: app", with: "name: other"))
            try await until("replaced") {
                mirror()?.spec.containers.first?.name == "other" && mirror()?.status?.phase == .running
            }
            #expect(!cluster.events.contains { $0.contains("exists") })
            folder.write("")
            try await until("gone") { mirror() == nil && runtime.calls.last == "RemovePodSandbox" }
        }
    }
}
