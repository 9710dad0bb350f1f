import JSON
import KubeAPI
import Testing

@testable import PodLoop

/// Hooks and probes in the whole loop.
extension LoopTests {
    private func container(_ name: String, _ more: JSONValue = [:]) -> JSONValue {
        var container: JSONValue = ["name": .string(name), "image": "busybox:1"]
        for (key, value) in more.object ?? [:] { container[key] = value }
        return container
    }

    private func hook(_ when: String, _ command: String...) -> JSONValue {
        ["lifecycle": [.init(when): ["exec": ["command": .array(command.map { .string($0) })]]]]
    }

    private func waitingReason(_ index: Int = 0) -> String? {
        cluster.now("u1")?.status?.containerStatuses[index].state?.waitingReason
    }

    @Test func hooksComeInTheirOrder() async throws {
        let hooks: JSONValue = [
            "lifecycle": [
                "postStart": ["exec": ["command": ["hello"]]], "preStop": ["exec": ["command": ["farewell"]]],
            ]
        ]
        let pod = try pod([
            "containers": [container("a", hooks), container("b")], "terminationGracePeriodSeconds": 9,
        ])
        cluster.put(pod)
        try await withLoop { _ in
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
            let calls = runtime.calls.drop { $0 != "CreateContainer a 0" }
            #expect(Array(calls) == ["CreateContainer a 0", "ExecSync a hello 0", "CreateContainer b 0"])
            try await cluster.deletePod(pod.reference, gracePeriodSeconds: nil)
            try await until("gone") { cluster.now("u1") == nil }
            let farewell = try #require(runtime.calls.firstIndex(of: "ExecSync a farewell 9"))
            let stop = try #require(runtime.calls.firstIndex { $0.hasPrefix("StopContainer a ") })
            #expect(farewell < stop)
            #expect(runtime.calls.filter { $0.contains("farewell") }.count == 1)
        }
    }

    @Test func aPostStartHookThatFails() async throws {
        runtime.state.withLock { $0.commands = ["hello": 3] }
        cluster.put(try pod(["containers": [container("a", hook("postStart", "hello", "you"))]]))
        try await withLoop { _ in
            try await until("the reason is shown") {
                waitingReason() == "PostStartHookError" || waitingReason() == "CrashLoopBackOff"
            }
            #expect(runtime.calls.contains("StopContainer a 30"))
            #expect(
                cluster.events.contains {
                    $0.hasPrefix("FailedPostStartHook: ") && $0.contains("command 'hello you' exited with 3: no")
                })
            #expect(cluster.events.contains("Killing: FailedPostStartHook"))
        }
    }

    @Test func thePodsEndDoesNotWaitForAPostStartHook() async throws {
        let pod = try pod(["containers": [container("a", hook("postStart", "hang"))]])
        cluster.put(pod)
        try await withLoop { _ in
            try await until("the hook runs") { runtime.calls.contains("ExecSync a hang 0") }
            try await cluster.deletePod(pod.reference, gracePeriodSeconds: 1)
            try await until("gone") { cluster.now("u1") == nil }
        }
    }

    @Test func aShorterGraceCutsAPreStopHookShort() async throws {
        let pod = try pod([
            "containers": [container("a", hook("preStop", "hang"))], "terminationGracePeriodSeconds": 500,
        ])
        cluster.put(pod)
        try await withLoop { _ in
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
            try await cluster.deletePod(pod.reference, gracePeriodSeconds: nil)
            try await until("the hook runs") { runtime.calls.contains("ExecSync a hang 500") }
            try await cluster.deletePod(pod.reference, gracePeriodSeconds: 1)
            try await until("gone") { cluster.now("u1") == nil }
        }
    }

    @Test func aPreStopHookThatFailsDoesNotKeepTheContainer() async throws {
        runtime.state.withLock { $0.commands = ["farewell": 1] }
        let pod = try pod(["containers": [container("a", hook("preStop", "farewell"))]])
        cluster.put(pod)
        try await withLoop { _ in
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
            try await cluster.deletePod(pod.reference, gracePeriodSeconds: nil)
            try await until("gone") { cluster.now("u1") == nil }
            #expect(cluster.events.contains { $0.hasPrefix("FailedPreStopHook: ") })
        }
    }

    @Test func readinessFollowsItsProbe() async throws {
        let probe: JSONValue = ["readinessProbe": ["exec": ["command": ["check"]], "failureThreshold": 1]]
        cluster.put(try pod(["containers": [container("a", probe)]]))
        try await withLoop { _ in
            try await until("ready") { cluster.now("u1")?.status?.containerStatuses.first?.ready == true }
            #expect(runtime.calls.contains("ExecSync a check 1"))
        }
    }

    @Test func aContainerThatFailsItsLivenessProbeIsRestarted() async throws {
        runtime.state.withLock { $0.commands = ["check": 1] }
        let probe: JSONValue = ["livenessProbe": ["exec": ["command": ["check"]], "failureThreshold": 1]]
        cluster.put(try pod(["containers": [container("a", probe)]]))
        try await withLoop(timeStands: true) { _ in
            try await until("killed") { runtime.calls.contains("StopContainer a 30") }
            try await until("restarted") { runtime.calls.contains("CreateContainer a 1") }
            #expect(cluster.events.contains("Unhealthy: Liveness probe failed: no"))
            #expect(cluster.events.contains("Killing: Container a failed liveness probe, will be restarted"))
        }
    }
}
