import KubeAPI
import Logging
import Testing

@testable import PodLoop

/// The loop over a machine that runs short.
@Suite(.timeLimit(.minutes(1))) struct PressureTests {
    let runtime = FakeRuntime()
    let cluster = FakeCluster()
    let gauge = FakeGauge()

    private func withLoop(
        _ thresholds: [EvictionThreshold], _ body: () async throws -> Void
    ) async throws {
        var settings = node
        settings.eviction = EvictionSettings(thresholds: thresholds, pressureTransitionPeriod: 0, period: 0.02)
        settings.imageCollection.minimumAge = 0
        settings.allocatable["ephemeral-storage"] = Quantity(bytes: 1 << 30)
        let clock = ContinuousClock()
        let begun = clock.now
        let loop = PodLoop(
            settings: settings, cluster: cluster, runtime: runtime, volumes: FakeVolumes(), manifests: nil,
            gauge: gauge,
            now: { epoch + (clock.now - begun).components.seconds }, log: Logger(label: "test"))
        let task = Task { await loop.run() }
        defer { task.cancel() }
        try await body()
        task.cancel()
        await task.value
    }

    private func until(_ what: String, _ holds: () -> Bool) async throws {
        while !holds() {
            do { try await Task.sleep(for: .milliseconds(5)) } catch {
                throw BrokenTest("\(what); calls \(runtime.calls), events \(cluster.events)")
            }
        }
    }

    private func status(_ uid: String) -> PodStatus? { cluster.now(uid)?.status }

    @Test func putsOutOnePodAfterTheOtherUntilThereIsEnough() async throws {
        gauge.set(.memoryAvailable, 500)
        for name in ["a", "b", "c"] { cluster.put(try pod(simple().spec.json, name: name, uid: name)) }
        runtime.state.withLock { $0.memory = ["a": 10, "b": 30, "c": 20] }
        try await withLoop([EvictionThreshold(.memoryAvailable, .absolute(100))]) {
            try await until("all run") { ["a", "b", "c"].allSatisfy { status($0)?.phase == .running } }
            gauge.set(.memoryAvailable, 50)
            try await until("the largest is gone") { status("b")?.reason == "Evicted" }
            try await until("the next is gone") { status("c")?.reason == "Evicted" }
            gauge.set(.memoryAvailable, 500)
            cluster.put(try pod(simple().spec.json, name: "d", uid: "d"))
            try await until("another runs") { ["Running", "Failed"].contains(status("d")?.phase?.rawValue) }
        }
        #expect(status("b")?.phase == .failed)
        for event in [
            "NodeHasInsufficientMemory: Node n1 status is now: NodeHasInsufficientMemory",
            "EvictionThresholdMet: Attempting to reclaim memory",
            "Evicted: The node was low on resource: memory. Threshold quantity: 100, available: 50. ",
        ] { #expect(cluster.events.contains(event), "\(cluster.events)") }
    }

    @Test func givesImagesBackBeforeItPutsPodsOut() async throws {
        gauge.set(.nodefsAvailable, 500)
        cluster.put(try simple())
        runtime.state.withLock { state in
            state.images = ["busybox:1", "idle:1", "pinned:1"]
            state.pinned = ["pinned:1"]
        }
        try await withLoop([EvictionThreshold(.nodefsAvailable, .percent(10))]) {
            try await until("it runs") { status("u1")?.phase == .running }
            gauge.set(.nodefsAvailable, 50)
            try await until("the pod is gone") { status("u1")?.reason == "Evicted" }
        }
        let calls = runtime.calls
        #expect(calls.filter { $0.hasPrefix("RemoveImage") }.first == "RemoveImage idle:1")
        #expect(!calls.contains("RemoveImage pinned:1"))
        let image = calls.firstIndex(of: "RemoveImage idle:1") ?? .max
        #expect(image < calls.firstIndex(of: "StopContainer app 2") ?? -1, "\(calls)")
    }

    @Test func putsOutAPodOverItsLimit() async throws {
        cluster.put(try pod(LocalStorageTests.limited))
        try await withLoop([]) {
            try await until("it runs") { status("u1")?.phase == .running }
            gauge.state.withLock { $0.disk["u1"] = PodDiskUsage(volumes: ["work": 3 << 20]) }
            try await until("it is put out") { status("u1")?.reason == "Evicted" }
        }
        let message = "Usage of EmptyDir volume \"work\" exceeds the limit \"2Mi\". "
        #expect(status("u1")?.message == message && cluster.events.contains("Evicted: \(message)"))
        #expect(!cluster.events.contains { $0.hasPrefix("EvictionThresholdMet") })
    }
}

@Suite struct ImageCollectionTests {
    static let settings = ImageCollectionSettings(high: 85, low: 80, minimumAge: 120, maximumAge: 0)

    @Test(
        arguments: [
            (160, nil), (159, 41), (150, 50), (100, 100), (0, 200),
        ] as [(Int64, Int64?)])
    func frees(available: Int64, excess: Int64?) {
        #expect(Self.settings.excess(NodeLevel(available: available, capacity: 1000)) == excess)
    }

    @Test func neverFreesAtAHundredPercent() {
        var settings = Self.settings
        settings.high = 100
        #expect(settings.excess(NodeLevel(available: 0, capacity: 1000)) == nil)
    }

    private let images = [
        KnownImage(id: "used", bytes: 10, isUsed: true, firstSeen: at(0), lastUsed: at(900)),
        KnownImage(id: "pinned", bytes: 10, isPinned: true, firstSeen: at(0)),
        KnownImage(id: "young", bytes: 10, firstSeen: at(881)),
        KnownImage(id: "late", bytes: 10, firstSeen: at(0), lastUsed: at(800)),
        KnownImage(id: "early", bytes: 10, firstSeen: at(0), lastUsed: at(100)),
        KnownImage(id: "never", bytes: 10, firstSeen: at(5)),
        KnownImage(id: "never-older", bytes: 10, firstSeen: at(4)),
    ]

    @Test(
        arguments: [
            (nil, "never-older never early late"), (0, ""), (1, "never-older"), (10, "never-older"),
            (11, "never-older never"),
            (35, "never-older never early late"), (1000, "never-older never early late"),
        ] as [(Int64?, String)])
    func takesTheOneLeastRecentlyUsedFirst(bytes: Int64?, order: String) {
        #expect(Self.settings.victims(images, bytes: bytes, now: at(1000)).map(\.id).joined(separator: " ") == order)
    }

    @Test(
        arguments: [(0, ""), (950, "never-older never"), (850, "never-older never early"), (2000, "")]
            as [(Double, String)])
    func takesWhatIsTooOld(age: Double, order: String) {
        var settings = Self.settings
        settings.maximumAge = age
        #expect(settings.outdated(images, now: at(1000)).map(\.id).joined(separator: " ") == order)
    }

    /// Both rounds of a disk that stays full.
    @Test func saysWhenThereIsNotEnoughToRemove() async throws {
        let runtime = FakeRuntime()
        let cluster = FakeCluster()
        let gauge = FakeGauge()
        var settings = node
        settings.imageCollection = ImageCollectionSettings(minimumAge: 0)
        let context = context(runtime, cluster, FakeVolumes(), settings)
        runtime.state.withLock { $0.images = ["busybox:1", "named:1"] }
        let collector = ImageCollector(context: context, gauge: gauge) { ["named:1"] }
        gauge.set(.imagefsAvailable, 100)
        try await collector.collect()
        #expect(runtime.calls == ["RemoveImage busybox:1"] && cluster.events.isEmpty)
        await #expect(throws: (any Error).self) { try await collector.collect() }
        #expect(
            cluster.events == [
                "FreeDiskSpaceFailed: Insufficient free disk space on the node's image filesystem (90% of 1000.0 B used). Failed "
                    + "to free sufficient space by deleting unused images (freed 0 bytes). Consider resizing the disk or "
                    + "deleting unused files."
            ])
    }
}
