import CRI
import JSON
import KubeAPI
import Testing

@testable import PodLoop

/// What the reconciler makes of containers that have other resources than they were given.
@Suite struct ResizeTests {
    static func spec(_ resources: JSONValue, _ policies: JSONValue = []) -> JSONValue {
        [
            "containers": [
                ["name": "app", "image": "busybox:1", "resources": resources, "resizePolicy": policies]
            ]
        ]
    }

    static let given: JSONValue = ["requests": ["cpu": "200m"], "limits": ["cpu": "500m", "memory": "64Mi"]]

    static func restarting(_ name: String) -> JSONValue {
        [["resourceName": .string(name), "restartPolicy": "RestartContainer"]]
    }

    static let inForce = CgroupValues(cpuShares: 204, cpuQuota: 50000, memory: 64 << 20)

    /// What the cgroup holds, the policy, what is to be done.
    static let cases: [(CgroupValues?, JSONValue, [PodAction])] = [
        (inForce, [], []), (nil, [], []),
        (CgroupValues(cpuShares: 102, cpuQuota: 50000, memory: 64 << 20), [], [resize]),
        (CgroupValues(cpuShares: 204, cpuQuota: 10000, memory: 64 << 20), [], [resize]),
        (CgroupValues(cpuShares: 204, cpuQuota: 50000, memory: 32 << 20), [], [resize]),
        (CgroupValues(cpuShares: 102, cpuQuota: 0, memory: 0), [], [resize]),
        (CgroupValues(cpuShares: 102, cpuQuota: 50000, memory: 64 << 20), restarting("cpu"), [kill]),
        (CgroupValues(cpuShares: 102, cpuQuota: 50000, memory: 64 << 20), restarting("memory"), [resize]),
        (CgroupValues(cpuShares: 204, cpuQuota: 50000, memory: 1 << 20), restarting("memory"), [kill]),
    ]

    static let resize = PodAction.resize(containers: ["app-0"], sandboxID: "s0")
    static let kill = PodAction.killContainer(
        id: "app-0", name: "app", why: "Container app resize requires restart", grace: 30)

    @Test(arguments: cases) func follows(_ has: CgroupValues?, _ policies: JSONValue, _ actions: [PodAction]) throws {
        var seen = container("app", running)
        seen.resources = has
        let plan = plan(try simple(Self.spec(Self.given, policies)), [sandbox()], [seen])
        #expect(plan.actions == actions)
        let condition = plan.status?.condition("PodResizeInProgress")
        #expect((condition != nil) == !actions.isEmpty)
    }

    @Test func aFailureIsToldAndTriedAgain() throws {
        let pod = try simple(Self.spec(Self.given))
        var seen = container("app", running)
        seen.resources = CgroupValues(cpuShares: 204, cpuQuota: 50000, memory: 128 << 20)
        var memory = PodMemory()
        memory.resizeFailure = "no"
        memory.resizeRetryAt = at(10)
        let early = plan(pod, [sandbox()], [seen], memory: memory, now: 5)
        #expect(early.actions.isEmpty && early.wakeUp == at(10))
        let condition = early.status?.condition("PodResizeInProgress")
        #expect(condition?.reason == "Error" && condition?.message == "no")
        #expect(plan(pod, [sandbox()], [seen], memory: memory, now: 10).actions == [Self.resize])
    }

    /// What is in force stays in the status until the other is; conditions go when it is over.
    @Test func statusShowsWhatIsInForce() throws {
        var pod = try simple(Self.spec(["requests": ["cpu": "100m"]]))
        var seen = container("app", running)
        seen.resources = CgroupValues(cpuShares: 102, cpuQuota: 0, memory: 0)
        pod.status = plan(pod, [sandbox()], [seen]).status
        #expect(pod.status?.containerStatuses[0].resources?.requests["cpu"] == Quantity(milli: 100))
        pod.spec.containers[0].resources?.requests["cpu"] = Quantity(milli: 300)
        pod.status = plan(pod, [sandbox()], [seen]).status
        #expect(pod.status?.containerStatuses[0].resources?.requests["cpu"] == Quantity(milli: 100))
        #expect(pod.status?.containerStatuses[0].allocatedResources["cpu"] == Quantity(milli: 300))
        #expect(pod.status?.condition("PodResizeInProgress")?.status == .true)
        // A daemon that starts anew now finds what the pod has, and gives it the rest once more.
        #expect(pod.allocation["app"]?.requests["cpu"] == Quantity(milli: 100))
        seen.resources?.cpuShares = 307
        pod.status = plan(pod, [sandbox()], [seen]).status
        #expect(pod.status?.containerStatuses[0].resources?.requests["cpu"] == Quantity(milli: 300))
        #expect(pod.status?.condition("PodResizeInProgress") == nil)
    }

    @Test(arguments: [PendingResize.Reason.deferred, .infeasible])
    func aPendingResizeIsTold(_ reason: PendingResize.Reason) throws {
        var memory = PodMemory()
        memory.pendingResize = PendingResize(reason, "why")
        var pod = try simple()
        pod.status = plan(pod, [sandbox()], [container("app", running)], memory: memory).status
        let condition = try #require(pod.status?.condition("PodResizePending"))
        #expect(condition.reason == reason.rawValue && condition.message == "why" && condition.status == .true)
        #expect(pod.status?.condition("Ready")?.status == .true)
        let later = plan(pod, [sandbox()], [container("app", running)], now: 9).status
        #expect(later?.condition("PodResizePending") == nil)
    }
}

/// Resizes through the loop.
extension LoopTests {
    private func sized(_ cpu: String, _ memory: String, _ uid: String) throws -> Pod {
        var pod = try pod(
            [
                "containers": [
                    [
                        "name": "app", "image": "busybox:1",
                        "resources": ["requests": ["cpu": .string(cpu)], "limits": ["memory": .string(memory)]],
                    ]
                ]
            ], name: uid, uid: uid)
        if let status = cluster.now(uid)?.status { pod.status = status }
        return pod
    }

    private func condition(_ uid: String, _ type: String) -> PodCondition? {
        cluster.now(uid)?.status?.condition(type)
    }

    @Test func resizesInPlace() async throws {
        cluster.put(try sized("100m", "64Mi", "u1"))
        try await withLoop(timeStands: true) { _ in
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
            cluster.put(try sized("200m", "128Mi", "u1"))
            try await until("in force") {
                let resources = cluster.now("u1")?.status?.containerStatuses.first?.resources
                return resources?.limits["memory"] == Quantity(bytes: 128 << 20)
                    && resources?.requests["cpu"] == Quantity(milli: 200)
            }
            #expect(runtime.calls.filter { $0.hasPrefix("Update") } == ["UpdateContainerResources app 204"])
            #expect(!runtime.calls.contains { $0.hasPrefix("Stop") })
            #expect(cluster.events.contains { $0.hasPrefix("ResizeCompleted") })
            #expect(condition("u1", "PodResizeInProgress") == nil)
            // Not below what is in use.
            runtime.state.withLock { $0.memoryInUse = 100 << 20 }
            cluster.put(try sized("200m", "64Mi", "u1"))
            try await until("the failure is told") { condition("u1", "PodResizeInProgress")?.reason == "Error" }
            #expect(condition("u1", "PodResizeInProgress")?.message?.contains("below current usage") == true)
        }
    }

    @Test func aResizeWaitsForRoom() async throws {
        cluster.put(try sized("1", "64Mi", "u1"))
        cluster.put(try sized("2", "64Mi", "u2"))
        try await withLoop { _ in
            try await until("both run") { ["u1", "u2"].allSatisfy { cluster.now($0)?.status?.phase == .running } }
            cluster.put(try sized("5", "64Mi", "u1"))
            try await until("infeasible") { condition("u1", "PodResizePending")?.reason == "Infeasible" }
            #expect(
                condition("u1", "PodResizePending")?.message
                    == "Node didn't have enough capacity: cpu, requested: 5000, capacity: 4000")
            cluster.put(try sized("3", "64Mi", "u1"))
            try await until("deferred") { condition("u1", "PodResizePending")?.reason == "Deferred" }
            #expect(condition("u1", "PodResizePending")?.message == RoomTests.lacks("cpu", 3000, 2000, 4000))
            #expect(!runtime.calls.contains { $0.hasPrefix("Update") })
            let status = cluster.now("u1")?.status?.containerStatuses.first
            #expect(status?.allocatedResources["cpu"] == Quantity(1))
            try await cluster.deletePod(try sized("2", "64Mi", "u2").reference, gracePeriodSeconds: 1)
            try await until("resized") {
                cluster.now("u1")?.status?.containerStatuses.first?.resources?.requests["cpu"] == Quantity(3)
            }
            #expect(condition("u1", "PodResizePending") == nil)
        }
    }

    /// What was deferred stays so: a container starts again with what the pod was given.
    @Test func aRestartTakesWhatWasGiven() async throws {
        cluster.put(try sized("1", "64Mi", "u1"))
        try await withLoop { _ in
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
            cluster.put(try sized("5", "64Mi", "u1"))
            try await until("infeasible") { condition("u1", "PodResizePending") != nil }
            runtime.exit("app", 1)
            try await until("restarted") { cluster.now("u1")?.status?.containerStatuses.first?.restartCount == 1 }
            let shares = runtime.state.withLock { $0.containers.values.map(\.status.resources.linux.cpuShares) }
            #expect(Set(shares) == [1024])
        }
    }
}
