import JSON
import KubeAPI
import Testing

@testable import PodLoop

/// A container's own restart policy and its rules for exit codes.
@Suite struct ContainerRestartTests {
    static func rules(_ policy: String, _ codes: [Int64], action: String = "Restart") -> JSONValue {
        [
            "restartPolicy": .string(policy),
            "restartPolicyRules": [
                [
                    "action": .string(action),
                    "exitCodes": ["operator": "In", "values": .array(codes.map(JSONValue.int))],
                ]
            ],
        ]
    }

    static func named(_ name: String, _ more: JSONValue = [:]) -> JSONValue {
        var container: JSONValue = ["name": .string(name), "image": "busybox:1"]
        for (key, value) in more.object ?? [:] { container[key] = value }
        return container
    }

    /// The pod's policy, what the container says, the exit code, whether it is started again, the phase.
    static let apps: [(String, JSONValue, Int32, Bool, PodPhase)] = [
        ("Never", ["restartPolicy": "Always"], 0, true, .running),
        ("Never", ["restartPolicy": "OnFailure"], 1, true, .running),
        ("Never", ["restartPolicy": "OnFailure"], 0, false, .succeeded),
        ("Always", ["restartPolicy": "Never"], 1, false, .failed),
        ("Always", ["restartPolicy": "OnFailure"], 0, false, .succeeded),
        ("Never", rules("Never", [42]), 42, true, .running), ("Never", rules("Never", [42]), 1, false, .failed),
        ("Never", rules("Never", [0]), 0, true, .running), ("Always", rules("Never", [42]), 1, false, .failed),
        ("Never", rules("OnFailure", [42]), 1, true, .running),
    ]

    @Test(arguments: apps) func app(
        _ policy: String, _ more: JSONValue, _ code: Int32, _ again: Bool, _ phase: PodPhase
    ) throws {
        let pod = try simple(["containers": [Self.named("app", more)]], policy: policy)
        let plan = plan(pod, [sandbox()], [container("app", exited(code, at: 5))], now: 6)
        #expect(plan.actions == (again ? [start("app", 1)] : [.killPod(grace: 30)]))
        #expect(plan.status?.phase == phase)
    }

    static let initials: [(String, JSONValue, Int32, [PodAction])] = [
        ("Always", ["restartPolicy": "Never"], 1, [.killPod(grace: 30)]),
        ("Never", ["restartPolicy": "OnFailure"], 1, [start("first", 1)]),
        ("Never", rules("Never", [3]), 3, [start("first", 1)]),
        ("Never", rules("Never", [3]), 1, [.killPod(grace: 30)]),
        // Its success is the end of it, whatever a rule says.
        ("Never", rules("Never", [0]), 0, [start("app")]),
    ]

    @Test(arguments: initials) func initial(
        _ policy: String, _ more: JSONValue, _ code: Int32, _ actions: [PodAction]
    ) throws {
        let pod = try simple(["initContainers": [Self.named("first", more)]], policy: policy)
        #expect(plan(pod, [sandbox()], [container("first", exited(code, at: 5))], now: 6).actions == actions)
    }

    // MARK: RestartAllContainers

    private func all() throws -> Pod {
        try simple(
            [
                "initContainers": [Self.named("first"), Self.named("side", ["restartPolicy": "Always"])],
                "containers": [
                    Self.named("app", Self.rules("Never", [42], action: "RestartAllContainers")), Self.named("b"),
                ],
            ], policy: "Never")
    }

    private static let done = container("first", exited(0, at: 1), at: 1)
    private static let asks = container("app", exited(42, at: 5), at: 3)

    /// What runs ends, then all goes, the one that asked last.
    @Test func endsAndRemovesAll() throws {
        var pod = try all()
        let living = [Self.done, container("side", running, at: 2), Self.asks, container("b", running, at: 4)]
        let first = plan(pod, [sandbox()], living, now: 6)
        let killed = first.actions.compactMap { action -> String? in
            guard case .killContainer(_, let name, let why, _) = action else { return nil }
            #expect(why.contains("exited with 42"))
            return name
        }
        #expect(Set(killed) == ["side", "b"] && first.actions.count == 2)
        #expect(first.status?.condition("AllContainersRestarting")?.status == .true)
        pod.status = first.status
        let dead = [
            Self.done, container("side", exited(143, at: 6), at: 2), Self.asks,
            container("b", exited(143, at: 6), at: 4),
        ]
        let second = plan(pod, [sandbox()], dead, memory: first.memory, now: 7)
        #expect(second.status?.phase == .running)
        let removed = ["first-0", "side-0", "b-0"].map { PodAction.removeContainer(id: $0) }
        #expect(second.actions.count == 3 && removed.allSatisfy(second.actions.contains))
        pod.status = second.status
        // The others are gone: the one that asked follows.
        let third = plan(pod, [sandbox()], [Self.asks], memory: second.memory, now: 8)
        #expect(third.actions == [.removeContainer(id: "app-0")])
        #expect(third.status?.phase == .running)
        pod.status = third.status
        // And then it begins anew, in the same sandbox, from the first init container.
        let fourth = plan(pod, [sandbox()], [], memory: third.memory, now: 9)
        #expect(fourth.actions == [start("first", 1)])
        #expect(fourth.status?.phase?.isTerminal == false)
    }

    @Test func backsOff() throws {
        var memory = PodMemory()
        memory.crashes["app"] = Backoff.raised(nil, event: at(0), now: at(4))
        let early = plan(try all(), [sandbox()], [Self.done, Self.asks], memory: memory, now: 10)
        #expect(early.actions.isEmpty && early.wakeUp == at(15))
        let status = early.status?.containerStatuses.first { $0.name == "app" }
        #expect(status?.state?.waitingReason == "CrashLoopBackOff")
        let late = plan(try all(), [sandbox()], [Self.done, Self.asks], memory: memory, now: 15)
        #expect(late.actions == [.removeContainer(id: "first-0")])
    }

    /// The old ends show as last states, and count.
    @Test func remembersTheEnds() throws {
        var pod = try all()
        pod.status = plan(pod, [sandbox()], [Self.done, Self.asks], now: 6).status
        let again = plan(
            pod, [sandbox()],
            [
                container("first", exited(0, at: 11), attempt: 1), container("side", running),
                container("app", running, attempt: 1),
            ], now: 12)
        let app = again.status?.containerStatuses.first { $0.name == "app" }
        #expect(app?.restartCount == 1)
        #expect(app?.lastState?.terminated?.exitCode == 42)
        #expect(again.status?.condition("AllContainersRestarting") == nil)
    }
}
