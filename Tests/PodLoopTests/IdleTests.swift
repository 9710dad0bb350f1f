import KubeAPI
import Testing

@testable import PodLoop

/// What is as it is wanted is left alone.
extension LoopTests {
    @Test func thatWhichIsAppliedAgainCausesNothing() async throws {
        cluster.put(try simple(["terminationGracePeriodSeconds": 7], containers: ["a", "b"]))
        try await withLoop(timeStands: true) { loop in
            try await until("running") { cluster.now("u1")?.status?.phase == .running }
            // Its worker has nothing left to do once another pod, which came later, runs as well.
            cluster.put(try pod(["containers": [["name": "x", "image": "busybox:1"]]], name: "o1", uid: "o1"))
            try await until("another runs") { cluster.now("o1")?.status?.phase == .running }
            let looked = runtime.looks(at: "u1")
            let done = runtime.calls
            let events = cluster.events
            let status = cluster.now("u1")?.status
            for _ in 0..<20 { cluster.put(try #require(cluster.now("u1"))) }
            // Word of it has come through when that of a pod behind it has.
            cluster.put(try pod(["containers": [["name": "y", "image": "busybox:1"]]], name: "o2", uid: "o2"))
            try await until("the last runs") { cluster.now("o2")?.status?.phase == .running }
            // The loop looks by itself now and then, not once for each of them.
            #expect(runtime.looks(at: "u1") <= looked + 5)
            #expect(runtime.calls == done + ["RunPodSandbox o2 0", "CreateContainer y 0"])
            #expect(Array(cluster.events.prefix(events.count)) == events)
            #expect(cluster.now("u1")?.status == status)
        }
    }
}
