import KubeAPI
import Testing

@testable import PodLoop

/// What holds for any pod and anything a runtime may say of it.
@Suite struct PropertyTests {
    private func randomPod(_ dice: inout Dice) throws -> Pod {
        let policy = dice.pick(["Always", "OnFailure", "Never"])
        var pod = try simple(
            [
                "initContainers": [
                    ["name": "one", "image": "busybox:1"],
                    ["name": "side", "image": "busybox:1", "restartPolicy": "Always"],
                ]
            ], policy: policy, containers: ["a", "b"])
        if dice.roll(2) == 0 { pod.spec.initContainers = [] }
        if dice.roll(4) == 0 {
            pod.metadata.deletionTimestamp = at(5)
            pod.metadata.deletionGracePeriodSeconds = Int64(dice.roll(40))
        }
        return pod
    }

    private func randomSight(_ dice: inout Dice) -> ObservedPod {
        let sandboxes = (0..<dice.roll(3)).map { index in
            sandbox("s\(index)", attempt: UInt32(index), ready: dice.roll(3) > 0, at: Int64(index * 10))
        }
        var containers: [ObservedContainer] = []
        for name in ["one", "side", "a", "b", "stranger"] {
            for attempt in 0..<dice.roll(4) {
                let states: [ObservedContainer.State] = [
                    .created, running, .unknown, exited(0, at: Int64(dice.roll(99))),
                    exited(1, at: Int64(dice.roll(99))),
                ]
                containers.append(
                    container(
                        name, dice.pick(states), attempt: UInt32(attempt), sandbox: "s\(dice.roll(3))",
                        at: Int64(dice.roll(99))))
            }
        }
        return ObservedPod(sandboxes: sandboxes, containers: containers)
    }

    @Test(arguments: 0..<400) func anySight(_ seed: Int) throws {
        var dice = Dice(seed: UInt64(seed))
        let pod = try randomPod(&dice)
        let seen = randomSight(&dice)
        let first = reconciler.plan(DesiredPod(pod), observed: seen, memory: PodMemory(), now: at(100))
        #expect(first == reconciler.plan(DesiredPod(pod), observed: seen, memory: PodMemory(), now: at(100)))
        for action in first.actions {
            guard case .startContainer(let name, let attempt, let sandboxID) = action else { continue }
            #expect(pod.metadata.deletionTimestamp == nil)
            #expect(seen.sandboxes.contains { $0.id == sandboxID && $0.isReady })
            #expect(!seen.containers.contains { $0.name == name && $0.attempt == attempt })
        }
        let status = try #require(first.status)
        #expect(status.containerStatuses.map(\.name) == ["a", "b"])
        #expect(status.containerStatuses.allSatisfy { $0.state != nil })
        #expect(status.condition("Ready")?.status != .true || status.condition("ContainersReady")?.status == .true)
        var later = pod
        later.status = status
        if status.phase?.isTerminal == true {
            let again = reconciler.plan(DesiredPod(later), observed: ObservedPod(), memory: PodMemory(), now: at(200))
            #expect(again.status?.phase == status.phase)
        }
    }

    /// From any start, a runtime that does what it is told ends in a state where nothing is left to do.
    @Test(arguments: 0..<100) func converges(_ seed: Int) throws {
        var dice = Dice(seed: UInt64(seed))
        var pod = try randomPod(&dice)
        pod.metadata.deletionTimestamp = nil
        pod.spec.restartPolicy = .always
        var seen = ObservedPod()
        var memory = PodMemory()
        var time: Int64 = 0
        for _ in 0..<50 {
            time += 1
            let plan = reconciler.plan(DesiredPod(pod), observed: seen, memory: memory, now: at(time))
            memory = plan.memory
            pod.status = plan.status
            if plan.actions.isEmpty && seen.containers.filter(\.isRunning).count >= pod.spec.containers.count { break }
            seen = done(plan.actions, seen, time)
        }
        #expect(pod.status?.phase == .running)
        #expect(pod.status?.condition("Ready")?.status == .true)
        let idle = reconciler.plan(DesiredPod(pod), observed: seen, memory: memory, now: at(time + 1000))
        #expect(idle.actions.isEmpty)
        #expect(idle.status == pod.status)
    }

    private func done(_ actions: [PodAction], _ seen: ObservedPod, _ time: Int64) -> ObservedPod {
        var sandboxes = seen.sandboxes
        var containers = seen.containers
        for action in actions {
            switch action {
            case .createSandbox(let attempt): sandboxes.append(sandbox("s\(attempt)", attempt: attempt, at: time))
            case .startContainer(let name, let attempt, let id):
                let state = name == "one" ? exited(0, at: time) : running
                containers.append(container(name, state, attempt: attempt, sandbox: id, at: time))
            default: break
            }
        }
        return ObservedPod(sandboxes: sandboxes, containers: containers)
    }
}

/// The same throws for the same seed (SplitMix64).
struct Dice {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 }

    /// 0 to `sides` − 1.
    mutating func roll(_ sides: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((mixed ^ (mixed >> 31)) % UInt64(sides))
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[roll(elements.count)] }
}
