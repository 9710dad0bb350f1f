import CRI
import JSON
import KubeAPI
import Testing

@testable import PodLoop

@Suite struct ProbeTests {
    private static let exec: JSONValue = ["exec": ["command": ["true"]]]

    private func probed(_ probes: JSONValue, policy: String = "Always") throws -> Pod {
        var app: JSONValue = ["name": "app", "image": "busybox:1"]
        for (key, value) in probes.object ?? [:] { app[key] = value }
        return try pod(["containers": [app], "restartPolicy": .string(policy)])
    }

    private func memory(_ verdicts: [ProbeKind: Bool], of id: String = "app-0") -> PodMemory {
        var memory = PodMemory()
        memory.health[id] = ContainerHealth(verdicts)
        return memory
    }

    /// Outcomes, successes and failures that it takes, the verdicts after each.
    static let counts: [(ProbeKind, [Bool], Int32, Int32, [Bool?])] = [
        (.liveness, [false, false, false], 1, 3, [true, true, false]),
        (.liveness, [false, false, true, false, false, false], 1, 3, [true, true, true, true, true, false]),
        (.readiness, [true], 1, 3, [true]),
        (.readiness, [true, true, false, true, true, true], 3, 1, [false, false, false, false, false, true]),
        (.startup, [false, false, true], 1, 3, [nil, nil, true]),
        (.startup, [false, false], 1, 2, [nil, false]),
    ]

    @Test(arguments: counts) func verdict(
        _ kind: ProbeKind, _ outcomes: [Bool], _ successes: Int32, _ failures: Int32, _ verdicts: [Bool?]
    ) {
        var probe = Probe()
        probe.successThreshold = successes
        probe.failureThreshold = failures
        var tally = ProbeTally(kind, probe)
        for (outcome, verdict) in zip(outcomes, verdicts) {
            let before = tally.verdict
            #expect(tally.take(outcome) == (before != verdict))
            #expect(tally.verdict == verdict)
        }
    }

    /// The probes a container has, what they have come to, and whether it is started and ready.
    static let states: [([String], [ProbeKind: Bool], Bool, Bool)] = [
        ([], [:], true, true),
        (["readinessProbe"], [:], true, false),
        (["readinessProbe"], [.readiness: true], true, true),
        (["readinessProbe"], [.readiness: false], true, false),
        (["startupProbe"], [:], false, false),
        (["startupProbe"], [.startup: true], true, true),
        (["startupProbe", "readinessProbe"], [.readiness: true], false, false),
        (["startupProbe", "readinessProbe"], [.startup: true, .readiness: true], true, true),
        (["livenessProbe"], [:], true, true),
    ]

    @Test(arguments: states) func startedAndReady(
        _ probes: [String], _ verdicts: [ProbeKind: Bool], _ started: Bool, _ ready: Bool
    ) throws {
        let pod = try probed(.object(Dictionary(uniqueKeysWithValues: probes.map { ($0, Self.exec) })))
        let plan = plan(pod, [sandbox()], [container("app", running)], memory: memory(verdicts), now: 5)
        let status = try #require(plan.status?.containerStatuses.first)
        #expect(status.started == started)
        #expect(status.ready == ready)
        #expect(plan.status?.condition(PodCondition.ready)?.status == (ready ? .true : .false))
        #expect(plan.actions.isEmpty)
    }

    static let condemned: [(ProbeKind, String, String)] = [
        (.liveness, "Always", "Container app failed liveness probe, will be restarted"),
        (.startup, "OnFailure", "Container app failed startup probe, will be restarted"),
        (.liveness, "Never", "Container app failed liveness probe"),
    ]

    @Test(arguments: condemned) func condemnedContainerIsKilled(
        _ kind: ProbeKind, _ policy: String, _ why: String
    ) throws {
        let key = "\(kind.rawValue.lowercased())Probe"
        for (own, grace) in [(Int64?.none, Int64(30)), (7, 7)] {
            var probe = Self.exec
            if let own { probe["terminationGracePeriodSeconds"] = .int(own) }
            let pod = try probed([key: probe], policy: policy)
            let plan = plan(pod, [sandbox()], [container("app", running)], memory: memory([kind: false]), now: 5)
            #expect(plan.actions == [.killContainer(id: "app-0", name: "app", why: why, grace: grace)])
        }
    }

    @Test func aSidecarsStartupProbeHoldsTheOthersBack() throws {
        let pod = try simple([
            "initContainers": [
                ["name": "side", "image": "busybox:1", "restartPolicy": "Always", "startupProbe": Self.exec]
            ]
        ])
        let seen = [container("side", running)]
        #expect(plan(pod, [sandbox()], seen).actions.isEmpty)
        let ready = plan(pod, [sandbox()], seen, memory: memory([.startup: true], of: "side-0"))
        #expect(ready.actions == [start("app")])
    }

    /// The probes that should run: startup alone until it has succeeded, readiness alone at the end.
    @Test func whichProbesRun() throws {
        let pod = try probed(["startupProbe": Self.exec, "livenessProbe": Self.exec, "readinessProbe": Self.exec])
        let seen = ObservedPod(sandboxes: [sandbox()], containers: [container("app", running)])
        func kinds(_ verdicts: [ProbeKind: Bool], isEnding: Bool = false) -> Set<ProbeKind> {
            Set(wantedProbes(of: pod, seen, memory(verdicts), isEnding: isEnding).map(\.kind))
        }
        #expect(kinds([:]) == [.startup])
        #expect(kinds([.startup: true]) == [.liveness, .readiness])
        #expect(kinds([.startup: true], isEnding: true) == [.readiness])
        #expect(kinds([.startup: true, .liveness: false]).isEmpty)
        #expect(kinds([.startup: false]).isEmpty)
        let dead = ObservedPod(sandboxes: [sandbox()], containers: [container("app", exited(0, at: 1))])
        #expect(wantedProbes(of: pod, dead, memory([:]), isEnding: false).isEmpty)
    }

    /// A new daemon takes over what the old one knew, of the same container only.
    @Test func healthIsAdopted() throws {
        var status = PodStatus()
        var known = ContainerStatus(name: "app", image: "busybox:1")
        known.containerID = containerID("app-0")
        known.started = true
        known.ready = true
        status.containerStatuses = [known]
        var memory = PodMemory()
        let seen = [container("app", running), container("other", running)]
        memory.adoptHealth(ObservedPod(sandboxes: [sandbox()], containers: seen), status)
        #expect(memory.health["app-0"] == ContainerHealth([.startup: true, .readiness: true]))
        #expect(memory.health["other-0"] == ContainerHealth())
        memory.adoptHealth(ObservedPod(sandboxes: [sandbox()], containers: []), status)
        #expect(memory.health.isEmpty)
    }

    @Test func commandsKnowLiteralVariables() throws {
        var app = Container(name: "app")
        app.env = [EnvVar(name: "PORT", value: "80")]
        #expect(
            commandLine(ExecAction(command: ["nc", "$(PORT)", "$(NO)", "$$(PORT)"]), of: app) == [
                "nc", "80", "$(NO)", "$(PORT)",
            ])
    }

    @Test func outputIsCut() {
        var answer = CRIExecSyncResponse()
        answer.stdout.append(contentsOf: [UInt8](repeating: 0x61, count: 20_000))
        #expect(shownOutput(answer).utf8.count == 10 << 10)
    }
}
