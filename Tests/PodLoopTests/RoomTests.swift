import CRI
import Errors
import JSON
import KubeAPI
import Logging
import Synchronization
import Testing

@testable import PodLoop

/// Whether one more pod fits.
@Suite struct RoomTests {
    static func asking(_ requests: JSONValue, _ more: JSONValue = [:]) -> JSONValue {
        var spec: JSONValue = [
            "containers": [["name": "app", "image": "i", "resources": ["requests": requests, "limits": [:]]]]
        ]
        for (key, value) in more.object ?? [:] { spec[key] = value }
        return spec
    }

    static func huge(_ amount: String) -> JSONValue {
        let pages: JSONValue = ["hugepages-2Mi": .string(amount), "cpu": "1", "memory": "1Mi"]
        return ["containers": [["name": "app", "image": "i", "resources": ["requests": pages, "limits": pages]]]]
    }

    static func ports(_ port: Int64, _ address: String = "", _ transport: String = "TCP") -> JSONValue {
        let port: JSONValue = [
            "containerPort": 80, "hostPort": .int(port), "hostIP": .string(address), "protocol": .string(transport),
        ]
        return ["containers": [["name": "app", "image": "i", "ports": [port]]]]
    }

    static let offered = [
        "cpu": Quantity(2), "memory": Quantity(bytes: 1 << 30), "ephemeral-storage": Quantity(bytes: 1 << 30),
        "pods": Quantity(3), "hugepages-2Mi": Quantity(bytes: 4 << 20),
    ]

    static func lacks(_ name: String, _ requested: Int64, _ used: Int64, _ capacity: Int64) -> String {
        "Node didn't have enough resource: \(name), requested: \(requested), used: \(used), capacity: \(capacity)"
    }

    static let affinityMessage = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
    static let portMessage =
        "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"

    /// Those that are there, the one that comes, reason and message; nil where it is taken.
    static let cases: [([JSONValue], JSONValue, String?, String?)] = [
        ([], asking(["cpu": "2", "memory": "1Gi"]), nil, nil),
        ([], asking(["cpu": "2001m"]), "OutOfcpu", lacks("cpu", 2001, 0, 2000)),
        ([asking(["cpu": "1500m"])], asking(["cpu": "501m"]), "OutOfcpu", lacks("cpu", 501, 1500, 2000)),
        ([asking(["cpu": "1500m"])], asking(["cpu": "500m"]), nil, nil),
        (
            [asking(["memory": "1Gi"])], asking(["memory": "1"]), "OutOfmemory",
            lacks("memory", 1, 1 << 30, 1 << 30)
        ),
        (
            [asking(["ephemeral-storage": "1Gi"])], asking(["ephemeral-storage": "1Ki"]), "OutOfephemeral-storage",
            lacks("ephemeral-storage", 1024, 1 << 30, 1 << 30)
        ),
        // cpu is looked at first.
        ([], asking(["cpu": "3", "memory": "2Gi"]), "OutOfcpu", lacks("cpu", 3000, 0, 2000)),
        // Who asks for nothing finds room on a full node, but for its place among the pods.
        ([asking(["cpu": "2", "memory": "1Gi"])], asking([:]), nil, nil),
        ([asking([:]), asking([:]), asking([:])], asking([:]), "OutOfpods", lacks("pods", 1, 3, 3)),
        ([], huge("4Mi"), nil, nil),
        ([], huge("6Mi"), "OutOfhugepages-2Mi", lacks("hugepages-2Mi", 6 << 20, 0, 4 << 20)),
        // What this node does not know at all is somebody else's to count.
        ([], asking(["example.com/bird": "1"]), nil, nil),
        ([], asking([:], ["nodeSelector": ["disk": "ssd"]]), nil, nil),
        ([], asking([:], ["nodeSelector": ["disk": "hdd"]]), "NodeAffinity", affinityMessage),
        ([], asking([:], ["nodeName": "n1"]), nil, nil),
        (
            [], asking([:], ["nodeName": "n2"]), "NodeName",
            "Predicate NodeName failed: node(s) didn't match the requested node name"
        ),
        (
            [], asking([:], ["os": ["name": "windows"]]), "PodOSNotSupported",
            "Failed to admit pod as the OS field doesn't match node OS"
        ),
        ([ports(80)], ports(81), nil, nil), ([ports(80)], ports(80, "", "UDP"), nil, nil),
        ([ports(80)], ports(80), "NodePorts", portMessage),
        ([ports(80, "10.0.0.1")], ports(80, "10.0.0.2"), nil, nil),
        ([ports(80, "10.0.0.1")], ports(80, "0.0.0.0"), "NodePorts", portMessage),
    ]

    @Test(arguments: cases) func takes(
        _ there: [JSONValue], _ comes: JSONValue, _ reason: String?, _ message: String?
    ) throws {
        var room = NodeRoom(node: "n1", allocatable: Self.offered)
        for (index, spec) in there.enumerated() { room.take(try typed(spec, "t\(index)")) }
        let refusal = room.refusal(of: try typed(comes, "new"), labels: ["disk": "ssd"])
        #expect(refusal?.reason == reason)
        #expect(refusal?.message == message)
    }

    /// Past the API's checks: an old object may ask for what is refused today.
    private func typed(_ spec: JSONValue, _ uid: String) throws -> Pod {
        var metadata = ObjectMeta(name: uid, namespace: "default")
        metadata.uid = uid
        return Pod(metadata: metadata, spec: try PodSpec(spec))
    }

    @Test func whatIsGivenBackCanBeTakenAgain() throws {
        var room = NodeRoom(node: "n1", allocatable: Self.offered)
        room.take(try typed(Self.asking(["cpu": "2"]), "a"))
        #expect(room.lack(for: try typed(Self.asking(["cpu": "1"]), "b")) != nil)
        // It does not stand in its own way.
        #expect(room.lack(for: try typed(Self.asking(["cpu": "2"]), "a")) == nil)
        let was = room.giveBack("a")
        let again = room.giveBack("a")
        #expect(was && !again)
        #expect(room.lack(for: try typed(Self.asking(["cpu": "2"]), "b")) == nil)
    }

    // MARK: What the node has to give

    /// Reserved, and what is left; nil where it cannot be.
    static let reservations: [(String, String, [String: String]?)] = [
        ("", "", ["cpu": "2", "memory": "1020Mi"]),
        ("cpu=500m,memory=20Mi", "", ["cpu": "1500m", "memory": "1000Mi"]),
        ("cpu=500m", "cpu=500m,memory=20Mi", ["cpu": "1", "memory": "1000Mi"]),
        ("cpu=3", "", nil), ("cpu=1500m", "cpu=1", nil), ("pid=1000", "", nil), ("cpu", "", nil), ("cpu=x", "", nil),
        ("memory=-1", "", nil), ("example.com/bird=1", "", nil),
    ]

    @Test(arguments: reservations) func reserves(_ system: String, _ kube: String, _ left: [String: String]?) throws {
        let capacity = [
            "cpu": Quantity(2), "memory": Quantity(bytes: 1 << 30), "hugepages-2Mi": Quantity(bytes: 4 << 20),
        ]
        func result() throws -> [String: Quantity] {
            try allocatable(of: capacity, reserved: [try reservation(system), try reservation(kube)])
        }
        guard let left else {
            #expect(throws: SwiftletError.self) { try result() }
            return
        }
        let found = try result()
        for (name, amount) in left { #expect(found[name] == (try Quantity(amount)), "\(name)") }
    }

    // MARK: Groups of QoS classes

    @Test func groupsWeighWhatTheirPodsAskFor() throws {
        func pod(_ resources: JSONValue) throws -> Pod {
            try simple(["containers": [["name": "app", "image": "i", "resources": resources]]])
        }
        let pods = [
            try pod(["requests": ["cpu": "250m"]]), try pod(["requests": ["cpu": "500m"], "limits": ["cpu": "1"]]),
            try pod([:]), try pod(["limits": ["cpu": "1", "memory": "1Mi"]]),
        ]
        var settings = node
        #expect(
            qosGroups(of: pods, settings) == [
                CgroupShare(path: "kubepods", cpuShares: 4096),
                CgroupShare(path: "kubepods/burstable", cpuShares: 768),
                CgroupShare(path: "kubepods/besteffort", cpuShares: 2),
            ])
        settings.bounds.memory = 7 << 30
        #expect(qosGroups(of: [], settings).map(\.memory) == [7 << 30, nil, nil])
        #expect(qosGroups(of: [], settings).map(\.cpuShares) == [4096, 2, 2])
    }

    @Test func boundsOfEveryPod() throws {
        var bounds = NodeBounds()
        bounds.hugePageSizes = ["1Gi", "2Mi"]
        let pod = try simple([
            "containers": [
                [
                    "name": "app", "image": "i",
                    "resources": ["limits": ["hugepages-2Mi": "4Mi", "cpu": "1", "memory": "1Mi"]],
                ]
            ]
        ])
        let linux = podResources(pod, bounds)
        #expect(linux.hugepageLimits.map(\.pageSize) == ["2MB", "1GB"])
        #expect(linux.hugepageLimits.map(\.limit) == [4 << 20, 0])
        #expect(podResources(pod, NodeBounds()).hugepageLimits.map(\.pageSize) == ["2MB"])
    }

    /// What a pod asks for beyond its containers counts for each of them.
    @Test func scoresOfPodLevelRequests() throws {
        let pod = try simple([
            "resources": ["requests": ["memory": "4Gi"]],
            "containers": [
                ["name": "a", "image": "i", "resources": ["requests": ["memory": "2Gi"]]], ["name": "b", "image": "i"],
            ],
        ])
        let scores = pod.spec.containers.map { outOfMemoryScore($0, in: pod, nodeMemory: 8 << 30) }
        #expect(scores == [1000 - 375, 1000 - 125])
    }
}

/// Admission through the loop.
extension LoopTests {
    func asking(_ cpu: String, _ uid: String) throws -> Pod {
        try pod(RoomTests.asking(["cpu": .string(cpu)]), name: uid, uid: uid)
    }

    @Test func aFullNodeRefusesAndLaterTakes() async throws {
        func simple(_ cpu: String, _ uid: String) throws -> Pod {
            var pod = try asking(cpu, uid)
            pod.spec.containers[0].image = "busybox:1"
            return pod
        }
        cluster.put(try simple("3", "u1"))
        try await withLoop { _ in
            try await until("the first runs") { cluster.now("u1")?.status?.phase == .running }
            cluster.put(try simple("2", "u2"))
            try await until("the second has failed") { cluster.now("u2")?.status?.phase == .failed }
            let status = cluster.now("u2")?.status
            #expect(status?.reason == "OutOfcpu")
            #expect(status?.message == "Pod was rejected: " + RoomTests.lacks("cpu", 2000, 3000, 4000))
            #expect(cluster.events.contains("OutOfcpu: " + RoomTests.lacks("cpu", 2000, 3000, 4000)))
            #expect(!runtime.calls.contains { $0.contains("u2") })
            try await cluster.deletePod(try asking("3", "u1").reference, gracePeriodSeconds: 1)
            try await until("the first is gone") { cluster.now("u1") == nil }
            cluster.put(try simple("2", "u3"))
            try await until("there is room again") { cluster.now("u3")?.status?.phase == .running }
        }
    }

    /// The node holds more than it could take today: what it took stays.
    @Test func whatWasTakenStays() async throws {
        var old = try asking("3", "u1")
        old.status = PodStatus(phase: .pending)
        old.status?.startTime = epoch
        var other = try asking("3", "u2")
        other.status = old.status
        cluster.put(old)
        cluster.put(other)
        cluster.put(try asking("1", "u3"))
        runtime.state.withLock { $0.images = ["i"] }
        try await withLoop { _ in
            try await until("both run") {
                ["u1", "u2"].allSatisfy { cluster.now($0)?.status?.phase == .running }
            }
            try await until("the new one is refused") { cluster.now("u3")?.status?.reason == "OutOfcpu" }
        }
    }

    /// A job that is done has given back what it had.
    @Test func whatIsDoneGivesBack() async throws {
        runtime.state.withLock {
            $0.images = ["i"]
            $0.exits = ["app": 0]
        }
        var job = try asking("4", "u1")
        job.spec.restartPolicy = .never
        cluster.put(job)
        try await withLoop { _ in
            try await until("done") { cluster.now("u1")?.status?.phase == .succeeded }
            runtime.state.withLock { $0.exits = [:] }
            // Given back once its volumes are down as well.
            try await until("volumes down") { volumes.state.withLock { $0.up.isEmpty } }
            cluster.put(try asking("4", "u2"))
            try await until("the next runs") { cluster.now("u2")?.status?.phase == .running }
        }
    }
}
