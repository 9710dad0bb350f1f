import KubeAPI
import Testing

@testable import PodLoop

@Suite struct RestartTests {
    /// Policy, exit code, whether it is started again, the phase before that.
    static let app: [(String, Int32, Bool, PodPhase)] = [
        ("Always", 0, true, .running), ("Always", 3, true, .running), ("OnFailure", 0, false, .succeeded),
        ("OnFailure", 3, true, .running), ("Never", 0, false, .succeeded), ("Never", 3, false, .failed),
    ]

    @Test(arguments: app) func appContainer(_ policy: String, _ code: Int32, _ again: Bool, _ phase: PodPhase) throws {
        let plan = plan(try simple(policy: policy), [sandbox()], [container("app", exited(code, at: 5))], now: 6)
        #expect(plan.actions == (again ? [start("app", 1)] : [.killPod(grace: 30)]))
        #expect(plan.status?.phase == phase)
    }

    static let initial: [(String, Int32, [PodAction])] = [
        ("Always", 0, [start("app")]), ("Always", 1, [start("one", 1)]), ("OnFailure", 0, [start("app")]),
        ("OnFailure", 1, [start("one", 1)]), ("Never", 0, [start("app")]), ("Never", 1, [.killPod(grace: 30)]),
    ]

    @Test(arguments: initial) func initContainer(_ policy: String, _ code: Int32, _ actions: [PodAction]) throws {
        let pod = try simple(["initContainers": [["name": "one", "image": "busybox:1"]]], policy: policy)
        let plan = plan(pod, [sandbox()], [container("one", exited(code, at: 5))], now: 6)
        #expect(plan.actions == actions)
        if actions == [.killPod(grace: 30)] { #expect(plan.status?.phase == .failed) }
    }

    @Test(arguments: ["Always", "OnFailure", "Never"]) func sidecarAlwaysComesBack(_ policy: String) throws {
        let pod = try simple(
            ["initContainers": [["name": "side", "image": "busybox:1", "restartPolicy": "Always"]]], policy: policy)
        let plan = plan(
            pod, [sandbox()], [container("side", exited(0, at: 5)), container("app", running)], now: 6)
        #expect(plan.actions == [start("side", 1)])
    }

    @Test func sidecarEndsWithTheApp() throws {
        let pod = try simple(
            ["initContainers": [["name": "side", "image": "busybox:1", "restartPolicy": "Always"]]], policy: "Never")
        let end = plan(pod, [sandbox()], [container("side", running), container("app", exited(0, at: 5))], now: 6)
        #expect(end.actions == [.killPod(grace: 30)])
        #expect(end.status?.phase == .running)
        let seen = [container("side", exited(143, at: 7)), container("app", exited(0, at: 5))]
        #expect(plan(pod, [sandbox(ready: false)], seen, now: 8).status?.phase == .succeeded)
    }

    /// The n-th restart waits this long after the end: none, 10, 20, … 300 s.
    @Test func backoffDoublesToItsCap() throws {
        let pod = try simple()
        var memory = PodMemory()
        var time: Int64 = 0
        for (attempt, wait) in [0, 10, 20, 40, 80, 160, 300, 300].enumerated() {
            let seen = [container("app", exited(1, at: time), attempt: UInt32(attempt))]
            if wait > 0 {
                let early = plan(pod, [sandbox()], seen, memory: memory, now: time + Int64(wait) - 1)
                #expect(early.actions.isEmpty)
                #expect(early.wakeUp == at(time + Int64(wait)))
                let state = early.status?.containerStatuses.first
                #expect(state?.state?.waitingReason == "CrashLoopBackOff")
                #expect(state?.lastState?.terminated?.exitCode == 1)
                #expect(state?.restartCount == Int32(attempt))
                #expect(early.status?.phase == .running)
                #expect(early.events.map(\.reason) == ["BackOff"])
                memory = early.memory
                #expect(plan(pod, [sandbox()], seen, memory: memory, now: time + 1).events.isEmpty)
            }
            time += Int64(wait)
            let due = plan(pod, [sandbox()], seen, memory: memory, now: time)
            #expect(due.actions == [start("app", UInt32(attempt) + 1)])
            memory = due.memory
            memory.started("app")
            time += 1
        }
    }

    @Test func backoffIsForgottenAfterALongRun() throws {
        var memory = PodMemory()
        for second in [Int64(0), 10, 30] {
            memory.crashes["app"] = Backoff.raised(memory.crashes["app"], event: at(second), now: at(second))
        }
        #expect(memory.crashes["app"]?.delay == 40)
        let seen = [container("app", exited(1, at: 631), attempt: 3)]
        let after = plan(try simple(), [sandbox()], seen, memory: memory, now: 631)
        #expect(after.actions == [start("app", 4)])
        #expect(after.memory.crashes["app"]?.delay == 10)
    }

    @Test func messageOfBackoff() throws {
        var memory = PodMemory()
        memory.crashes["app"] = Backoff.raised(nil, event: at(0), now: at(0))
        memory.crashes["app"] = Backoff.raised(memory.crashes["app"], event: at(20), now: at(20))
        let plan = plan(try simple(), [sandbox()], [container("app", exited(1, at: 20))], memory: memory, now: 25)
        guard case .waiting(_, let message)? = plan.status?.containerStatuses.first?.state else {
            Issue.record("not waiting")
            return
        }
        #expect(message == "back-off 20s restarting failed container=app pod=web_default(u1)")
        #expect(
            plan.events.first?.message == "Back-off restarting failed container app in pod web_default(u1)")
    }

    @Test func createdContainerOfADeadDaemonIsStartedAgain() throws {
        #expect(plan(try simple(), [sandbox()], [container("app", .created)]).actions == [start("app", 1)])
        #expect(plan(try simple(), [sandbox()], [container("app", .unknown)]).actions == [start("app", 1)])
    }

    @Test func changedImageRestarts() throws {
        var seen = container("app", running)
        seen.definitionHash = definitionHash(of: Container(name: "app", image: "other"))
        let plan = plan(try simple(), [sandbox()], [seen])
        guard case .killContainer("app-0", "app", let why, 30)? = plan.actions.first else {
            Issue.record("\(plan.actions)")
            return
        }
        #expect(why == "Container app definition changed, will be restarted")
        seen.definitionHash = definitionHash(of: Container(name: "app", image: "busybox:1"))
        #expect(PodLoopTests.plan(try simple(), [sandbox()], [seen]).actions.isEmpty)
    }

    @Test func oldContainersAreRemoved() throws {
        let seen = [
            container("app", exited(1, at: 1), at: 0), container("app", exited(1, at: 3), attempt: 1, at: 2),
            container("app", running, attempt: 2, at: 4),
        ]
        #expect(plan(try simple(), [sandbox()], seen).actions == [.removeContainer(id: "app-0")])
    }
}

@Suite struct InitOrderTests {
    static let spec: [String] = ["one", "side", "two"]

    private func pod() throws -> Pod {
        try simple([
            "initContainers": [
                ["name": "one", "image": "busybox:1"],
                ["name": "side", "image": "busybox:1", "restartPolicy": "Always"],
                ["name": "two", "image": "busybox:1"],
            ]
        ])
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let seen: [ObservedContainer]
        let actions: [PodAction]
        let phase: PodPhase
        let initialized: ConditionStatus
    }

    static let done = exited(0, at: 1)
    static let cases = [
        Case(testDescription: "first", seen: [], actions: [start("one")], phase: .pending, initialized: .false),
        Case(
            testDescription: "first runs", seen: [container("one", running)], actions: [], phase: .pending,
            initialized: .false),
        Case(
            testDescription: "sidecar after the first", seen: [container("one", done)], actions: [start("side")],
            phase: .pending, initialized: .false),
        Case(
            testDescription: "next once the sidecar runs", seen: [container("one", done), container("side", running)],
            actions: [start("two")], phase: .pending, initialized: .false),
        Case(
            testDescription: "apps last",
            seen: [container("one", done), container("side", running), container("two", done)],
            actions: [start("app")], phase: .pending, initialized: .true),
        Case(
            testDescription: "all up",
            seen: [
                container("one", done), container("side", running), container("two", done), container("app", running),
            ], actions: [], phase: .running, initialized: .true),
    ]

    @Test(arguments: cases) func order(_ test: Case) throws {
        let plan = plan(try pod(), [sandbox()], test.seen, now: 2)
        #expect(plan.actions == test.actions)
        #expect(plan.status?.phase == test.phase)
        #expect(plan.status?.condition("Initialized")?.status == test.initialized)
    }

    @Test func newSandboxRunsThemAgain() throws {
        let seen = [container("one", Self.done), container("app", exited(0, at: 2))]
        let plan = plan(try pod(), [sandbox(ready: false), sandbox("s1", attempt: 1, at: 9)], seen, now: 10)
        #expect(plan.actions == [start("one", 1, in: "s1")])
    }

    @Test func waitingReasonAndMessage() throws {
        let status = try #require(plan(try pod(), [sandbox()]).status)
        #expect(status.containerStatuses.first?.state?.waitingReason == "PodInitializing")
        #expect(status.condition("Initialized")?.reason == "ContainersNotInitialized")
        #expect(status.condition("Initialized")?.message == "containers with incomplete status: [one side two]")
        #expect(status.condition("Ready")?.message == "containers with unready status: [side app]")
    }
}
