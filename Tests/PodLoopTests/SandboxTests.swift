import KubeAPI
import Testing

@testable import PodLoop

@Suite struct SandboxTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var policy = "Always"
        var hostNetwork = false
        let sandboxes: [ObservedSandbox]
        var containers: [ObservedContainer] = []
        let actions: [PodAction]
    }

    static let cases: [Case] = [
        Case(testDescription: "none yet", sandboxes: [], actions: [.createSandbox(attempt: 0)]),
        Case(testDescription: "ready", sandboxes: [sandbox()], actions: [start("app")]),
        Case(
            testDescription: "dead, containers dead", sandboxes: [sandbox(ready: false)],
            containers: [container("app", exited(137, at: 1))], actions: [.createSandbox(attempt: 1)]),
        Case(
            testDescription: "dead, a container lives on", sandboxes: [sandbox(ready: false)],
            containers: [container("app", running)],
            actions: [.stopSandbox(id: "s0"), .createSandbox(attempt: 1)]),
        Case(
            testDescription: "two are ready", sandboxes: [sandbox(), sandbox("s1", attempt: 1, at: 5)],
            actions: [.stopSandbox(id: "s1"), .stopSandbox(id: "s0"), .createSandbox(attempt: 2)]),
        Case(
            testDescription: "host network now", hostNetwork: true, sandboxes: [sandbox()],
            actions: [.stopSandbox(id: "s0"), .createSandbox(attempt: 1)]),
        Case(
            testDescription: "Never: no second one once containers existed", policy: "Never",
            sandboxes: [sandbox(ready: false)], containers: [container("app", running)],
            actions: []),
        Case(
            testDescription: "Never: another one while nothing ran", policy: "Never",
            sandboxes: [sandbox(ready: false)], actions: [.createSandbox(attempt: 1)]),
        Case(
            testDescription: "OnFailure: another one for a failed container", policy: "OnFailure",
            sandboxes: [sandbox(ready: false)], containers: [container("app", exited(137, at: 1))],
            actions: [.createSandbox(attempt: 1)]),
        Case(
            testDescription: "old sandbox empty and dead is removed",
            sandboxes: [sandbox(ready: false), sandbox("s1", attempt: 1, at: 5)],
            actions: [start("app", in: "s1"), .removeSandbox(id: "s0")]),
    ]

    @Test(arguments: cases) func decides(_ test: Case) throws {
        let pod = try simple(["hostNetwork": .bool(test.hostNetwork)], policy: test.policy)
        #expect(plan(pod, test.sandboxes, test.containers).actions == test.actions)
    }

    @Test func waitsAfterAFailure() throws {
        var memory = PodMemory()
        memory.sandboxRetryAt = at(10)
        let early = plan(try simple(), memory: memory, now: 9)
        #expect(early.actions.isEmpty)
        #expect(early.wakeUp == at(10))
        #expect(plan(try simple(), memory: memory, now: 10).actions == [.createSandbox(attempt: 0)])
    }

    @Test func tellsThatItChanged() throws {
        let plan = plan(try simple(), [sandbox(ready: false)])
        #expect(plan.events.map(\.reason) == ["SandboxChanged"])
        #expect(plan.status?.condition("PodReadyToStartContainers")?.status == .false)
    }
}
