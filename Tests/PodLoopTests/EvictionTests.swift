import Errors
import JSON
import KubeAPI
import Testing

@testable import PodLoop

@Suite struct EvictionFlagTests {
    private func read(
        hard: String = "", soft: String = "", graces: String = "", reclaims: String = ""
    ) throws -> [EvictionThreshold] {
        try EvictionSettings.thresholds(
            hard: hard, soft: soft, softGracePeriods: graces, minimumReclaims: reclaims)
    }

    @Test func readsThem() throws {
        #expect(
            try read(
                hard: "memory.available<100Mi,nodefs.available<10%", soft: "memory.available<1Gi",
                graces: "memory.available=1m30s", reclaims: "nodefs.available=500Mi") == [
                    EvictionThreshold(.memoryAvailable, .absolute(100 << 20)),
                    EvictionThreshold(.nodefsAvailable, .percent(10), minimumReclaim: .absolute(500 << 20)),
                    EvictionThreshold(.memoryAvailable, .absolute(1 << 30), gracePeriod: 90),
                ])
        #expect(try read(hard: "") == [])
        #expect(try read(hard: "none", soft: "none") == [])
        #expect(try read(hard: "nodefs.available<0%,imagefs.available<100%") == [])
        #expect(try read(hard: EvictionSettings.standardHard).count == 5)
    }

    @Test(arguments: [
        ("memory<1Gi", "", "", "", "--eviction-hard: there is no signal \"memory\""),
        (
            "memory.available=1Gi", "", "", "",
            "--eviction-hard: \"memory.available=1Gi\" is not of the form signal<value"
        ),
        ("memory.available<x", "", "", "", "--eviction-hard: \"x\" is no quantity"),
        ("memory.available<-1", "", "", "", "--eviction-hard: -1 is negative"),
        ("memory.available<101%", "", "", "", "--eviction-hard: \"101%\" is no percentage"),
        ("memory.available<1,memory.available<2", "", "", "", "--eviction-hard: memory.available is there twice"),
        ("", "memory.available<1", "", "", "--eviction-soft: memory.available has no time in --eviction-soft-grace"),
        ("", "memory.available<1", "memory.available=1", "", "--eviction-soft-grace-period: \"1\" is no time"),
        (
            "", "", "", "pid.available<1",
            "--eviction-minimum-reclaim: \"pid.available<1\" is not of the form signal=value"
        ),
    ])
    func refuses(hard: String, soft: String, graces: String, reclaims: String, message: String) {
        do {
            _ = try read(hard: hard, soft: soft, graces: graces, reclaims: reclaims)
            Issue.record("taken: \(hard) \(soft)")
        } catch {
            #expect(SwiftletError.wrapping(error).description.contains(message))
        }
    }
}

@Suite struct EvictionRuleTests {
    static let hard = EvictionThreshold(.memoryAvailable, .absolute(100), minimumReclaim: .absolute(20))
    static let soft = EvictionThreshold(.nodefsAvailable, .percent(10), gracePeriod: 60)
    static let settings = EvictionSettings(
        thresholds: [soft, hard], maximumPodGracePeriod: 15, pressureTransitionPeriod: 100)

    /// Looks one after the other: the second, memory and disk that are left (of 1000), what is due and which conditions hold.
    static let story: [(Int64, Int64, Int64, [EvictionThreshold], Set<PressureCondition>)] = [
        (0, 100, 100, [], []),
        (10, 99, 100, [hard], [.memory]),
        // Not over before the minimum is there on top.
        (20, 119, 100, [hard], [.memory]),
        (30, 120, 100, [], [.memory]),
        // What was not due need not reclaim more; the condition stays.
        (40, 119, 99, [], [.memory, .disk]),
        (99, 200, 99, [], [.memory, .disk]),
        // 100 s after it was seen last, and 60 s after the soft one was met.
        (120, 200, 99, [soft], [.disk]),
        // A break begins the time of a soft one anew.
        (130, 200, 100, [], [.disk]),
        (140, 99, 99, [hard], [.memory, .disk]),
        (200, 99, 99, [hard, soft], [.memory, .disk]),
    ]

    @Test func judges() {
        var state = EvictionState()
        for (second, memory, disk, due, conditions) in Self.story {
            let levels: NodeLevels = [
                .memoryAvailable: NodeLevel(available: memory, capacity: 1000),
                .nodefsAvailable: NodeLevel(available: disk, capacity: 1000),
            ]
            let verdict = Self.settings.verdict(on: levels, after: state, now: at(second))
            #expect(verdict.due == due, "at \(second)")
            #expect(verdict.conditions == conditions, "at \(second)")
            state = verdict.state
        }
    }

    @Test func keepsTheHardOnesBack() {
        let soft = EvictionThreshold(.memoryAvailable, .absolute(500), gracePeriod: 1)
        let settings = EvictionSettings(
            thresholds: [
                Self.hard, soft, .init(.nodefsAvailable, .percent(10)), .init(.imagefsAvailable, .percent(15)),
            ])
        #expect(
            settings.reservation(of: [
                "memory": Quantity(1000), "ephemeral-storage": Quantity(1000), "pods": Quantity(3),
            ])
                == ["memory": Quantity(100), "ephemeral-storage": Quantity(100)])
        #expect(settings.reservation(of: ["memory": Quantity(50)]) == ["memory": Quantity(50)])
    }

    @Test func passesOverSignalsThatAreNotThere() {
        #expect(Self.settings.verdict(on: [:], after: EvictionState(), now: epoch).conditions == [])
    }

    private func pod(_ name: String, request: String? = nil, priority: Int32 = 0, critical: Bool = false) throws -> Pod
    {
        var spec: JSONValue = ["containers": [["name": "app", "image": "busybox:1"]]]
        if let request {
            spec["containers"] = [
                [
                    "name": "app", "image": "busybox:1",
                    "resources": ["requests": ["memory": .string(request), "ephemeral-storage": .string(request)]],
                ]
            ]
        }
        var pod = try PodLoopTests.pod(spec, name: name, uid: name)
        pod.spec.priority = priority
        if critical { pod.metadata.annotations[Annotation.configSource] = "file" }
        return pod
    }

    private func using(_ pod: Pod, _ memory: Int64?) -> PodUsage {
        PodUsage(
            pod: pod, memory: memory, processes: memory,
            containers: [ContainerUsage(name: "app", memory: memory ?? 0, writable: memory ?? 0)])
    }

    @Test func ranksAsKubernetesDoes() throws {
        let usages = [
            using(try pod("within", request: "1000"), 900), using(try pod("within-less", request: "1000"), 100),
            using(try pod("beyond", request: "10"), 60), using(try pod("beyond-more", request: "10"), 90),
            using(try pod("none"), 70), using(try pod("important", priority: 5), 900),
            using(try pod("unimportant", request: "10", priority: -5), 11), using(try pod("unknown"), nil),
        ]
        let beyond = ["unimportant", "unknown", "beyond-more", "none", "beyond", "important"]
        #expect(evictionOrder(usages, for: .memory).map(\.pod.reference.name) == beyond + ["within", "within-less"])
        #expect(
            evictionOrder(usages, for: .pids).map(\.pod.reference.name) == [
                "unimportant", "unknown", "within", "within-less", "beyond-more", "none", "beyond", "important",
            ])
    }

    @Test func putsOutTheFirstThatIsNotCritical() throws {
        let levels: NodeLevels = [.memoryAvailable: NodeLevel(available: 64 << 20, capacity: 1 << 30)]
        let threshold = EvictionThreshold(.memoryAvailable, .absolute(100 << 20))
        let usages = [
            using(try pod("static", critical: true), 900 << 20), using(try pod("web", request: "1Mi"), 3 << 20),
            using(try pod("system", priority: 2_000_000_000), 800 << 20),
        ]
        let victim = try #require(Self.settings.victim(of: threshold, levels, usages))
        #expect(victim.pod.reference.name == "web")
        #expect(
            victim.eviction
                == Eviction(
                    message:
                        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 64Mi. Container app was "
                        + "using 3Mi, request is 1Mi, has larger consumption of memory. ",
                    grace: 1))
        #expect(Self.settings.victim(of: threshold, levels, [usages[0], usages[2]]) == nil)
    }

    @Test(arguments: [(0, 1), (15, 15), (600, 30)] as [(Int64, Int64)])
    func givesSoftVictimsTime(most: Int64, grace: Int64) throws {
        var settings = Self.settings
        settings.maximumPodGracePeriod = most
        #expect(settings.victim(of: Self.soft, [:], [using(try pod("web"), 1)])?.eviction.grace == grace)
    }

    @Test(
        arguments: [
            ([], "none", nil), ([.memory], "none", "[MemoryPressure]"), ([.memory], "request", nil),
            ([.memory], "static", nil), ([.memory], "tolerant", nil), ([.disk], "tolerant", "[DiskPressure]"),
            ([.disk], "request", "[DiskPressure]"), ([.pid, .memory], "request", "[MemoryPressure PIDPressure]"),
            ([.disk, .memory, .pid], "static", nil), ([.disk], "system", nil),
        ] as [(Set<PressureCondition>, String, String?)])
    func refusesUnderPressure(conditions: Set<PressureCondition>, kind: String, named: String?) throws {
        var pod = try pod("web", request: kind == "request" ? "1Mi" : nil, critical: kind == "static")
        if kind == "tolerant" {
            var toleration = Toleration()
            (toleration.key, toleration.operator) = ("node.kubernetes.io/memory-pressure", "Exists")
            pod.spec.tolerations = [toleration]
        }
        if kind == "system" { (pod.spec.priority, pod.spec.priorityClassName) = (nil, "system-node-critical") }
        var memory = PodMemory()
        memory.pressure = conditions
        let plan = plan(pod, memory: memory)
        guard let named else {
            #expect(plan.status?.phase != .failed)
            return
        }
        #expect(plan.status?.phase == .failed && plan.status?.reason == "Evicted" && plan.actions.isEmpty)
        #expect(plan.status?.message == "Pod was rejected: The node had condition: \(named). ")
        #expect(plan.events.map(\.reason) == ["Evicted"])
        // One that was taken before stays.
        pod.status = PodStatus(phase: .pending)
        pod.status?.startTime = epoch
        #expect(PodLoopTests.plan(pod, memory: memory).status?.phase != .failed)
    }
}

@Suite struct LocalStorageTests {
    static let limited: JSONValue = [
        "containers": [
            [
                "name": "app", "image": "busybox:1", "resources": ["limits": ["ephemeral-storage": "1Mi"]],
                "volumeMounts": [["name": "work", "mountPath": "/work"]],
            ],
            ["name": "side", "image": "busybox:1", "resources": ["limits": ["ephemeral-storage": "3Mi"]]],
        ],
        "volumes": [
            ["name": "work", "emptyDir": ["sizeLimit": "2Mi"]],
            ["name": "cache", "emptyDir": ["sizeLimit": "2Mi", "medium": "Memory"]],
        ],
    ]
    static let mebibyte: Int64 = 1 << 20

    /// KiB of app's files, app's logs, side's files and the volume.
    @Test(
        arguments: [
            (0, 0, 0, 0, nil), (1024, 0, 1024, 2048, nil), (0, 1024, 1024, 2048, nil),
            (0, 0, 0, 2049, "Usage of EmptyDir volume \"work\" exceeds the limit \"2Mi\". "),
            (1, 1024, 0, 0, "Container app exceeded its local ephemeral storage limit \"1Mi\". "),
            (1024, 0, 1025, 2048, "Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. "),
        ] as [(Int64, Int64, Int64, Int64, String?)])
    func putsOutWhatIsBeyondItsLimit(files: Int64, logs: Int64, side: Int64, volume: Int64, message: String?) throws {
        let usage = PodUsage(
            pod: try pod(Self.limited),
            containers: [
                ContainerUsage(name: "app", writable: files << 10, logs: logs << 10),
                ContainerUsage(name: "side", writable: side << 10),
            ], volumes: ["work": volume << 10])
        #expect(localStorageEviction(of: usage)?.message == message)
    }

    @Test func looksOnlyWhereSomethingIsLimited() throws {
        #expect(try pod(Self.limited).limitsLocalStorage)
        #expect(try !simple().limitsLocalStorage)
        var inMemory = try simple()
        inMemory.spec.volumes = try pod(Self.limited).spec.volumes.filter { $0.name == "cache" }
        #expect(!inMemory.limitsLocalStorage)
    }

    @Test func endsAPodThatIsPutOut() throws {
        var memory = PodMemory()
        memory.eviction = Eviction(message: "too much. ", grace: 1)
        let first = plan(try simple(), [sandbox()], [container("app", running)], memory: memory, now: 5)
        #expect(first.actions == [.killPod(grace: 1)])
        let status = try #require(first.status)
        #expect(status.phase == .failed && status.reason == "Evicted" && status.message == "too much. ")
        let disrupted = status.condition("DisruptionTarget")
        #expect(disrupted?.status == .true && disrupted?.reason == "TerminationByKubelet")
        #expect(status.condition("Ready")?.reason == "PodFailed")
        // The object knows it now: nothing of it is started again, whatever is remembered.
        var pod = try simple()
        pod.status = status
        let later = plan(pod, [sandbox(ready: false)], [container("app", exited(137, at: 6))], now: 9)
        #expect(later.actions == [.tearDownVolumes])
        #expect(later.status?.reason == "Evicted" && later.status?.condition("DisruptionTarget") != nil)
    }

    @Test func removesWhatHasEndedWhenTheDiskIsShort() throws {
        var pod = try simple()
        pod.status = PodStatus(phase: .failed)
        var memory = PodMemory()
        memory.removesEnded = true
        let seen = [container("app", exited(1, at: 6))]
        #expect(plan(pod, [sandbox(ready: false)], seen, memory: memory).actions == [.tearDownVolumes])
        memory.volumesAreDown = true
        let removal = plan(pod, [sandbox(ready: false)], seen, memory: memory)
        #expect(removal.actions == [.removeContainer(id: "app-0"), .removeSandbox(id: "s0")])
        #expect(!removal.memory.removesEnded && removal.status?.phase == .failed)
    }
}
