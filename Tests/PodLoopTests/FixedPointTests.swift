import JSON
import KubeAPI
import Testing

@testable import PodLoop

/// From whatever a runtime shows, doing what is planned ends in a state in which nothing is planned any more.
@Suite struct FixedPointTests {
    /// A runtime that does at once what it is told. The first starts of a container end as the dice say, later ones last.
    private struct World {
        var dice: Dice
        var sandboxes: [ObservedSandbox] = []
        var containers: [ObservedContainer] = []
        var starts: [String: Int] = [:]
        var time: Int64 = 0
        /// Containers that end well once their first ends are behind them, and are not started again for it.
        var jobs: Set<String> = []
        var isRemoved = false
        var made = 0

        var seen: ObservedPod { ObservedPod(sandboxes: sandboxes, containers: containers) }

        mutating func act(_ action: PodAction, _ memory: inout PodMemory) {
            switch action {
            case .createSandbox(let attempt):
                made += 1
                sandboxes.append(sandbox("new\(made)", attempt: attempt, at: time))
            case .startContainer(let name, let attempt, let id):
                #expect(sandboxes.contains { $0.id == id && $0.isReady })
                #expect(!containers.contains { $0.name == name && $0.isRunning }, "\(name) would run twice")
                starts[name, default: 0] += 1
                made += 1
                var new = container(name, fate(name), attempt: attempt, sandbox: id, at: time)
                new.id = "made\(made)"
                containers.append(new)
            case .killContainer(let id, _, _, _): end { $0.id == id }
            case .stopSandbox(let id):
                stop(id)
            case .killPod:
                for sandbox in sandboxes { stop(sandbox.id) }
                end { _ in true }
            case .tearDownVolumes: memory.volumesAreDown = true
            case .removeSandbox(let id):
                sandboxes.removeAll { $0.id == id }
                containers.removeAll { $0.sandboxID == id }
            case .removeContainer(let id):
                #expect(!containers.contains { $0.id == id && $0.isRunning }, "what runs was removed")
                containers.removeAll { $0.id == id }
            case .resize(let ids, _):
                for index in containers.indices where ids.contains(containers[index].id) {
                    containers[index].resources = CgroupValues(cpuShares: 102, cpuQuota: 0, memory: 0)
                }
            case .removeObject: isRemoved = true
            }
        }

        private mutating func stop(_ id: String) {
            for index in sandboxes.indices where sandboxes[index].id == id { sandboxes[index].isReady = false }
            end { $0.sandboxID == id }
        }

        private mutating func end(_ which: (ObservedContainer) -> Bool) {
            for index in containers.indices where containers[index].isRunning && which(containers[index]) {
                containers[index].state = exited(143, at: time)
            }
        }

        private mutating func fate(_ name: String) -> ObservedContainer.State {
            if starts[name, default: 0] < 3, dice.roll(3) == 0 { return exited(dice.pick([0, 1, 42]), at: time) }
            return jobs.contains(name) ? exited(0, at: time) : .running(startedAt: at(time))
        }
    }

    private func randomPod(_ dice: inout Dice) throws -> Pod {
        let rules: [JSONValue] = [
            [:], ["restartPolicy": "OnFailure"],
            [
                "restartPolicy": "Never",
                "restartPolicyRules": [
                    ["action": "RestartAllContainers", "exitCodes": ["operator": "In", "values": [42]]]
                ],
            ],
            [
                "restartPolicy": "Never",
                "restartPolicyRules": [["action": "Restart", "exitCodes": ["operator": "NotIn", "values": [0]]]],
            ],
        ]
        func container(_ name: String, _ more: JSONValue) -> JSONValue {
            var made: JSONValue = [
                "name": .string(name), "image": "busybox:1", "resources": ["requests": ["cpu": "100m"]],
            ]
            for (key, value) in more.object ?? [:] { made[key] = value }
            return made
        }
        var pod = try simple(
            [
                "initContainers": [container("one", [:]), container("side", ["restartPolicy": "Always"])],
                "containers": [container("a", dice.pick(rules)), container("b", dice.pick(rules))],
            ], policy: dice.pick(["Always", "OnFailure", "Never"]))
        if dice.roll(3) == 0 { pod.spec.initContainers = [] }
        return pod
    }

    private func randomWorld(of pod: Pod, _ dice: inout Dice) -> World {
        var world = World(dice: dice)
        world.jobs = ["one"]
        if dice.roll(2) == 0 {
            for container in pod.spec.containers
            where !restarts(container, .app, policy: pod.restartPolicy, exitCode: 0) {
                world.jobs.insert(container.name)
            }
        }
        world.sandboxes = (0..<dice.roll(3)).map { index in
            sandbox("s\(index)", attempt: UInt32(index), ready: dice.roll(3) > 0, at: Int64(index * 10))
        }
        for name in ["one", "side", "a", "b"] where !world.sandboxes.isEmpty {
            for attempt in 0..<dice.roll(3) {
                let states: [ObservedContainer.State] = [
                    .created, running, .unknown, exited(0, at: 50), exited(1, at: 50), exited(42, at: 50),
                ]
                // Only the newest of a name may run, as the loop itself starts them.
                var state = dice.pick(states)
                if attempt == 0 { state = exited(1, at: 40) }
                var made = container(
                    name, state, attempt: UInt32(attempt), sandbox: "s\(dice.roll(world.sandboxes.count))",
                    at: Int64(60 + attempt))
                if dice.roll(3) == 0 { made.resources = CgroupValues(cpuShares: 2, cpuQuota: 0, memory: 0) }
                world.containers.append(made)
            }
        }
        world.time = 100
        return world
    }

    /// Until nothing is planned but to look again later. The pod's last status is in it.
    private func settle(_ pod: inout Pod, _ world: inout World, grace: Int64? = nil) throws -> PodPlan {
        var memory = PodMemory()
        for _ in 0..<300 {
            let wanted = grace.map { DesiredPod.deleting(pod, grace: $0) } ?? .running(pod)
            let before = pod.status?.phase
            let plan = reconciler.plan(wanted, observed: world.seen, memory: memory, now: at(world.time))
            memory = plan.memory
            if let before, before.isTerminal {
                #expect(plan.status?.phase == before)
                let made = plan.actions.filter(\.makesSomething)
                #expect(made.isEmpty, "of a finished pod")
            }
            if grace != nil {
                let made = plan.actions.filter(\.makesSomething)
                #expect(made.isEmpty)
            }
            pod.status = plan.status ?? pod.status
            for action in plan.actions { world.act(action, &memory) }
            if world.isRemoved { return plan }
            if plan.actions.isEmpty {
                guard let wakeUp = plan.wakeUp, wakeUp > at(world.time) else { return plan }
                world.time += Int64(wakeUp.timeInterval(since: at(world.time)).rounded(.up))
            } else {
                world.time += 1
            }
        }
        throw BrokenTest("no end: \(world.seen)")
    }

    @Test(arguments: 0..<600) func isReached(_ seed: Int) throws {
        var dice = Dice(seed: UInt64(seed))
        var pod = try randomPod(&dice)
        var world = randomWorld(of: pod, &dice)
        let last = try settle(&pod, &world)
        #expect(last.actions.isEmpty)
        let phase = try #require(pod.status?.phase)
        if phase.isTerminal {
            #expect(!world.seen.isAlive)
        } else {
            #expect(pod.status?.condition("Ready")?.status == .true || !PodWaits.sentences(of: pod).isEmpty)
        }
        // And it stays, however late somebody looks.
        let later = reconciler.plan(
            .running(pod), observed: world.seen, memory: last.memory, now: at(world.time + 100_000))
        #expect(later.actions.isEmpty && later.status == pod.status)
    }

    @Test(arguments: 0..<300) func deletionEndsAll(_ seed: Int) throws {
        var dice = Dice(seed: UInt64(seed))
        var pod = try randomPod(&dice)
        var world = randomWorld(of: pod, &dice)
        if dice.roll(2) == 0 { _ = try settle(&pod, &world) }
        _ = try settle(&pod, &world, grace: 5)
        #expect(world.isRemoved && world.sandboxes.isEmpty && !world.seen.isAlive)
        #expect(pod.status?.phase?.isTerminal == true)
    }
}

extension PodAction {
    fileprivate var makesSomething: Bool {
        switch self {
        case .createSandbox, .startContainer, .resize: true
        default: false
        }
    }
}
