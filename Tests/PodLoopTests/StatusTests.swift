import KubeAPI
import Testing

@testable import PodLoop

@Suite struct StatusTests {
    @Test func running() throws {
        var ready = sandbox()
        ready.addresses = ["10.1.0.2", "fd00::2"]
        let pod = try simple(containers: ["b", "a"])
        let status = try #require(
            plan(pod, [ready], [container("a", PodLoopTests.running), container("b", PodLoopTests.running)], now: 3)
                .status)
        #expect(status.phase == .running)
        #expect(status.containerStatuses.map(\.name) == ["a", "b"])
        #expect(status.containerStatuses.allSatisfy { $0.ready && $0.started == true })
        #expect(status.containerStatuses.first?.containerID == "swiftlet://a-0")
        #expect(status.containerStatuses.first?.imageID == "sha256:1")
        #expect(status.podIP == "10.1.0.2")
        #expect(status.podIPs.map(\.ip) == ["10.1.0.2", "fd00::2"])
        #expect(status.hostIP == "10.0.0.9")
        #expect(status.startTime == at(3))
        #expect(status.qosClass == .bestEffort)
        #expect(status.conditions.allSatisfy { $0.status == .true && $0.lastTransitionTime == at(3) })
        #expect(
            status.conditions.map(\.type) == [
                "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled",
            ])
    }

    @Test func timesMoveOnlyOnFlips() throws {
        var pod = try simple()
        pod.status = plan(pod, [sandbox()], now: 0).status
        pod.status = plan(pod, [sandbox()], [container("app", PodLoopTests.running)], now: 7).status
        #expect(pod.status?.condition("PodScheduled")?.lastTransitionTime == at(0))
        #expect(pod.status?.condition("Ready")?.lastTransitionTime == at(7))
        let again = plan(pod, [sandbox()], [container("app", PodLoopTests.running)], now: 99).status
        #expect(again == pod.status)
        #expect(again?.startTime == at(0))
    }

    @Test func waitingToBeCreated() throws {
        let status = try #require(plan(try simple()).status)
        #expect(status.phase == .pending)
        #expect(status.containerStatuses.first?.state == .waiting(reason: "ContainerCreating", message: nil))
        #expect(status.condition("Ready")?.reason == "ContainersNotReady")
        #expect(status.condition("Ready")?.message == "containers with unready status: [app]")
        #expect(status.condition("PodReadyToStartContainers")?.status == .false)
    }

    @Test(arguments: [
        (StartFailure.Reason.imageNeverPull, "ErrImageNeverPull"), (.containerConfig, "CreateContainerConfigError"),
        (.createContainer, "CreateContainerError"), (.invalidImageName, "InvalidImageName"),
    ]) func startFailures(_ reason: StartFailure.Reason, _ word: String) throws {
        var memory = PodMemory()
        memory.failed("app", image: "busybox:1", reason, "why", at: at(0))
        let early = plan(try simple(), [sandbox()], memory: memory, now: 9)
        #expect(early.status?.containerStatuses.first?.state == .waiting(reason: word, message: "why"))
        #expect(early.actions.isEmpty)
        #expect(early.wakeUp == at(10))
        #expect(plan(try simple(), [sandbox()], memory: memory, now: 10).actions == [start("app")])
    }

    @Test func pullBackOff() throws {
        var memory = PodMemory()
        memory.failed("app", image: "busybox:1", .imagePull, "gone", at: at(0))
        #expect(memory.startFailures["app"]?.reason == .imagePull)
        let first = plan(try simple(), [sandbox()], memory: memory, now: 1)
        #expect(
            first.status?.containerStatuses.first?.state
                == .waiting(
                    reason: "ImagePullBackOff", message: "Back-off pulling image \"busybox:1\": ErrImagePull: gone"))
        #expect(first.events.map(\.message) == ["Back-off pulling image \"busybox:1\"", "Error: ImagePullBackOff"])
        memory = first.memory
        memory.failed("app", image: "busybox:1", .imagePull, "gone", at: at(10))
        #expect(memory.startFailures["app"]?.retryAt == at(30))
        memory.imagesChanged()
        #expect(plan(try simple(), [sandbox()], memory: memory, now: 11).actions == [start("app")])
    }

    /// A command that cannot start: the container has ended, its failure shows until the back-off does.
    @Test func runContainerError() throws {
        var memory = PodMemory()
        memory.failed("app", image: "busybox:1", .runContainer, "no such file", at: at(1))
        let seen = [container("app", exited(127, at: 1, reason: "StartError"))]
        let plan = plan(try simple(), [sandbox()], seen, memory: memory, now: 1)
        let status = try #require(plan.status?.containerStatuses.first)
        #expect(status.state == .waiting(reason: "RunContainerError", message: "no such file"))
        #expect(status.lastState?.terminated?.reason == "StartError")
        #expect(plan.actions == [start("app", 1)])
        let never = PodLoopTests.plan(try simple(policy: "Never"), [sandbox()], seen, memory: memory, now: 1)
        #expect(never.status?.containerStatuses.first?.state?.terminated?.exitCode == 127)
        #expect(never.status?.phase == .failed)
    }

    @Test(arguments: [(Int32(0), PodPhase.succeeded, "PodCompleted"), (1, .failed, "PodFailed")])
    func terminal(_ code: Int32, _ phase: PodPhase, _ reason: String) throws {
        var pod = try simple(policy: "Never")
        pod.status = plan(pod, [sandbox()], [container("app", exited(code, at: 1))], now: 2).status
        #expect(pod.status?.phase == phase)
        #expect(pod.status?.condition("Ready")?.reason == reason)
        #expect(pod.status?.condition("Ready")?.status == .false)
        #expect(pod.status?.condition("Initialized")?.status == .true)
        // Final for ever, whatever comes.
        #expect(plan(pod, [], []).status?.phase == phase)
        let settled = plan(pod, [sandbox(ready: false)], [container("app", exited(code, at: 1))])
        #expect(settled.actions == [.tearDownVolumes])
        var memory = PodMemory()
        memory.volumesAreDown = true
        #expect(plan(pod, [sandbox(ready: false)], memory: memory).actions.isEmpty)
    }

    @Test func lastStateIsTheRunBefore() throws {
        let seen = [
            container("app", exited(9, at: 1, reason: "OOMKilled")),
            container("app", PodLoopTests.running, attempt: 1, at: 2),
        ]
        let status = try #require(plan(try simple(), [sandbox()], seen, now: 3).status?.containerStatuses.first)
        #expect(status.state?.isRunning == true)
        #expect(status.restartCount == 1)
        #expect(status.lastState?.terminated?.reason == "OOMKilled")
        #expect(status.lastState?.terminated?.containerID == "swiftlet://app-0")
    }

    @Test func forgottenByTheRuntime() throws {
        var pod = try simple()
        pod.status = plan(pod, [sandbox()], [container("app", PodLoopTests.running, attempt: 2)]).status
        let plan = plan(pod, [sandbox()], [], now: 5)
        #expect(plan.actions == [start("app", 3)])
        let status = try #require(plan.status?.containerStatuses.first)
        #expect(status.lastState?.terminated?.reason == "ContainerStatusUnknown")
        #expect(status.lastState?.terminated?.exitCode == 137)
    }

    @Test func deadline() throws {
        var pod = try simple(["activeDeadlineSeconds": 10])
        pod.status = plan(pod, [sandbox()], [container("app", PodLoopTests.running)], now: 0).status
        #expect(plan(pod, [sandbox()], [container("app", PodLoopTests.running)], now: 9).wakeUp == at(10))
        let over = plan(pod, [sandbox()], [container("app", PodLoopTests.running)], now: 10)
        #expect(over.status?.phase == .failed)
        #expect(over.status?.reason == "DeadlineExceeded")
        #expect(over.actions == [.killPod(grace: 30)])
    }

    @Test func othersConditionsStay() throws {
        var pod = try simple(["readinessGates": [["conditionType": "example.org/up"]]])
        let seen = [container("app", PodLoopTests.running)]
        pod.status = plan(pod, [sandbox()], seen).status
        #expect(pod.status?.condition("Ready")?.reason == "ReadinessGatesNotReady")
        #expect(pod.status?.condition("ContainersReady")?.status == .true)
        pod.status?.conditions.append(PodCondition(type: "example.org/up", status: .true))
        let status = plan(pod, [sandbox()], seen).status
        #expect(status?.condition("Ready")?.status == .true)
        #expect(status?.condition("example.org/up") != nil)
    }
}

@Suite struct DeletionTests {
    private func deleted(grace: Int64, _ pod: Pod) -> Pod {
        var pod = pod
        pod.metadata.deletionTimestamp = at(grace)
        pod.metadata.deletionGracePeriodSeconds = grace
        return pod
    }

    @Test(arguments: [(Int64(30), Int64(30)), (5, 5), (1, 1), (0, 1)])
    func killsWithGrace(_ asked: Int64, _ used: Int64) throws {
        let pod = deleted(grace: asked, try simple())
        let plan = plan(pod, [sandbox()], [container("app", running)])
        #expect(plan.actions == [.killPod(grace: used)])
        #expect(plan.status?.phase == .running)
    }

    @Test(arguments: [(Int32(0), PodPhase.succeeded), (143, .failed)])
    func finalStatus(_ code: Int32, _ phase: PodPhase) throws {
        let pod = deleted(grace: 30, try simple())
        let plan = plan(pod, [sandbox(ready: false)], [container("app", exited(code, at: 1))])
        #expect(plan.actions == [.tearDownVolumes, .removeSandbox(id: "s0"), .removeObject])
        #expect(plan.status?.phase == phase)
    }

    @Test func beforeAnythingRan() throws {
        let plan = plan(deleted(grace: 30, try simple()))
        #expect(plan.actions == [.tearDownVolumes, .removeObject])
        #expect(plan.status?.phase == .failed)
    }

    @Test func nothingIsStartedAnyMore() throws {
        let plan = plan(deleted(grace: 30, try simple()), [sandbox()], [container("app", exited(1, at: 1))])
        #expect(plan.actions == [.killPod(grace: 30)])
    }

    @Test func goneFromTheAPI() throws {
        let reference = try simple().reference
        let seen = ObservedPod(sandboxes: [sandbox()], containers: [container("app", running)])
        let kill = reconciler.plan(.gone(reference, grace: 1), observed: seen, memory: PodMemory(), now: at(0))
        #expect(kill.actions == [.killPod(grace: 1)])
        #expect(kill.status == nil)
        let dead = ObservedPod(sandboxes: [sandbox(ready: false)])
        let end = reconciler.plan(.gone(reference, grace: 1), observed: dead, memory: PodMemory(), now: at(0))
        #expect(end.actions == [.tearDownVolumes, .removeSandbox(id: "s0"), .removeObject])
    }
}
