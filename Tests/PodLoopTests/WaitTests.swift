import JSON
import KubeAPI
import Testing

@testable import PodLoop

/// Every state that a pod can wait in: what `get` shows in one word, and what `describe` says it waits for.
@Suite struct WaitTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var spec: JSONValue = [:]
        var sandboxes: [ObservedSandbox] = []
        var containers: [ObservedContainer] = []
        var memory = PodMemory()
        var deleted = false
        /// STATUS of `get`.
        var word: String
        /// In one of the sentences of `describe`.
        var says: [String]

        var testDescription: String { name }
    }

    private static func failed(_ reason: StartFailure.Reason, _ message: String = "why") -> PodMemory {
        var memory = PodMemory()
        memory.failed("app", image: "busybox:1", reason, message, at: at(0))
        return memory
    }

    private static func remembering(_ edit: (inout PodMemory) -> Void) -> PodMemory {
        var memory = PodMemory()
        edit(&memory)
        return memory
    }

    private static func named(_ name: String, _ more: JSONValue = [:]) -> JSONValue {
        var container: JSONValue = ["name": .string(name), "image": "busybox:1"]
        for (key, value) in more.object ?? [:] { container[key] = value }
        return container
    }

    private static let probe: JSONValue = ["exec": ["command": ["true"]]]
    private static let initial: JSONValue = ["initContainers": [named("first"), named("second")]]
    private static let sidecar: JSONValue = [
        "initContainers": [named("side", ["restartPolicy": "Always", "startupProbe": probe])]
    ]
    private static let rule: JSONValue = [
        "containers": [
            named(
                "app",
                [
                    "restartPolicy": "Never",
                    "restartPolicyRules": [
                        [
                            "action": "RestartAllContainers",
                            "exitCodes": ["operator": "In", "values": [3]],
                        ]
                    ],
                ])
        ]
    ]

    static let cases: [Case] = [
        Case(name: "sandbox", word: "ContainerCreating", says: ["app", "sandbox and volumes are being made"]),
        Case(
            name: "sandbox or volume that fails",
            memory: remembering {
                $0.sandboxFailure = "MountVolume.SetUp failed for volume \"c\": configmap \"c\" not found"
                $0.sandboxRetryAt = at(100)
            }, word: "ContainerCreating", says: ["app: ContainerCreating: MountVolume.SetUp failed", "not found"]),
        Case(
            name: "network that is not ready",
            memory: remembering { $0.sandboxFailure = "Failed to create pod sandbox: no CNI configuration" },
            word: "ContainerCreating", says: ["no CNI configuration"]),
        Case(name: "create", sandboxes: [sandbox()], word: "ContainerCreating", says: ["app", "it is being made"]),
        Case(
            name: "image", sandboxes: [sandbox()], memory: failed(.imagePull, "no registry"), word: "ImagePullBackOff",
            says: ["app: ImagePullBackOff", "no registry"]),
        Case(
            name: "image never pulled", sandboxes: [sandbox()], memory: failed(.imageNeverPull),
            word: "ErrImageNeverPull", says: ["app: ErrImageNeverPull: why"]),
        Case(
            name: "image name", sandboxes: [sandbox()], memory: failed(.invalidImageName), word: "InvalidImageName",
            says: ["InvalidImageName: why"]),
        Case(
            name: "ConfigMap of the environment", sandboxes: [sandbox()],
            memory: failed(.containerConfig, "configmap \"c\" not found"), word: "CreateContainerConfigError",
            says: ["app: CreateContainerConfigError: configmap \"c\" not found"]),
        Case(
            name: "create that fails", sandboxes: [sandbox()], memory: failed(.createContainer),
            word: "CreateContainerError", says: ["CreateContainerError: why"]),
        Case(
            name: "back-off", sandboxes: [sandbox()], containers: [container("app", exited(1, at: 49))],
            memory: remembering { $0.crashes["app"] = Backoff.raised(nil, event: at(48), now: at(48)) },
            word: "CrashLoopBackOff", says: ["app: CrashLoopBackOff: back-off 10s restarting failed container"]),
        Case(
            name: "postStart hook that failed", sandboxes: [sandbox()],
            containers: [container("app", exited(137, at: 49))],
            memory: remembering {
                $0.failed("app", image: "i", .postStartHook, "hook says no", at: at(49))
                $0.crashes["app"] = Backoff.raised(nil, event: at(48), now: at(48))
            }, word: "CrashLoopBackOff", says: ["app: CrashLoopBackOff"]),
        Case(
            name: "postStart hook of the one before",
            spec: [
                "containers": [
                    named("a", ["lifecycle": ["postStart": ["exec": ["command": ["true"]]]]]), named("b"),
                ]
            ], sandboxes: [sandbox()], containers: [container("a", running)], word: "ContainerCreating",
            says: ["container b", "the postStart hook of container a runs"]),
        Case(
            name: "init container", spec: initial, sandboxes: [sandbox()], containers: [container("first", running)],
            word: "Init:0/2", says: ["init container first runs"]),
        Case(
            name: "second init container", spec: initial, sandboxes: [sandbox()],
            containers: [container("first", exited(0, at: 3)), container("second", running)], word: "Init:1/2",
            says: ["init container second runs"]),
        Case(
            name: "init container to be made", spec: initial, sandboxes: [sandbox()], word: "Init:0/2",
            says: ["container first", "it is being made"]),
        Case(
            name: "init container in back-off", spec: initial, sandboxes: [sandbox()],
            containers: [container("first", exited(1, at: 49))],
            memory: remembering { $0.crashes["first"] = Backoff.raised(nil, event: at(48), now: at(48)) },
            word: "Init:CrashLoopBackOff", says: ["container first: CrashLoopBackOff: back-off 10s"]),
        Case(
            name: "sidecar that starts", spec: sidecar, sandboxes: [sandbox()],
            containers: [container("side", running)], word: "Init:0/1",
            says: ["container side: its startup probe has not succeeded yet"]),
        Case(
            name: "startup probe", spec: ["containers": [named("app", ["startupProbe": probe])]],
            sandboxes: [sandbox()], containers: [container("app", running)], word: "Running",
            says: ["container app: its startup probe has not succeeded yet"]),
        Case(
            name: "readiness probe", spec: ["containers": [named("app", ["readinessProbe": probe])]],
            sandboxes: [sandbox()], containers: [container("app", running)], word: "Running",
            says: ["container app: its readiness probe does not succeed"]),
        Case(
            name: "readiness gate", spec: ["readinessGates": [["conditionType": "example.com/go"]]],
            sandboxes: [sandbox()], containers: [container("app", running)], word: "Running",
            says: ["readiness gate \"example.com/go\" is not \"True\""]),
        Case(
            name: "one that has ended beside one that runs",
            spec: ["restartPolicy": "Never", "containers": [named("a"), named("b")]], sandboxes: [sandbox()],
            containers: [container("a", exited(1, at: 3)), container("b", running)], word: "Error",
            says: ["container a has ended: Error"]),
        Case(
            name: "resize", sandboxes: [sandbox()], containers: [container("app", running)],
            memory: remembering { $0.pendingResize = PendingResize(.deferred, "no room") }, word: "Running",
            says: ["PodResizePending: Deferred: no room"]),
        Case(
            name: "all containers anew", spec: rule, sandboxes: [sandbox()],
            containers: [container("app", exited(3, at: 49))],
            memory: remembering { $0.crashes["app"] = Backoff.raised(nil, event: at(48), now: at(48)) },
            word: "CrashLoopBackOff", says: ["AllContainersRestarting: container app exited with 3"]),
        Case(
            name: "end", sandboxes: [sandbox()], containers: [container("app", running)], deleted: true,
            word: "Terminating", says: ["app end", "they are killed at "]),
        Case(
            name: "end of volumes", sandboxes: [sandbox(ready: false)],
            containers: [container("app", exited(0, at: 3))],
            deleted: true, word: "Terminating", says: ["sandbox and volumes go"]),
    ]

    private func seen(_ test: Case) throws -> Pod {
        var pod = try simple(test.spec)
        if test.deleted {
            pod.metadata.deletionTimestamp = at(80)
            pod.metadata.deletionGracePeriodSeconds = 30
        }
        // Twice: what is told only at the second look is told.
        var memory = test.memory
        for _ in 0..<2 {
            let plan = plan(pod, test.sandboxes, test.containers, memory: memory, now: 5)
            (pod.status, memory) = (plan.status, plan.memory)
        }
        // As a pod that ends is shown while it does.
        if test.deleted { pod.status?.phase = .running }
        return pod
    }

    @Test(arguments: cases) func isNamed(_ test: Case) throws {
        let pod = try seen(test)
        #expect(PodSummary(pod).status == test.word)
        let sentences = PodWaits.sentences(of: pod)
        for part in test.says { #expect(sentences.contains { $0.contains(part) }, "\(part) in \(sentences)") }
        #expect(sentences.allSatisfy { !$0.hasSuffix(": ") && !$0.contains("nil") })
    }

    @Test func whatIsReadyOrOverWaitsForNothing() throws {
        var pod = try simple()
        pod.status = plan(pod, [sandbox()], [container("app", running)]).status
        #expect(PodWaits.sentences(of: pod).isEmpty)
        pod.status?.phase = .failed
        #expect(PodWaits.sentences(of: pod).isEmpty)
    }

    @Test func aPodThatNobodyHasSeen() throws {
        #expect(PodWaits.sentences(of: try simple()) == ["the node has not looked at this pod yet"])
    }
}
