import CRI
import KubeAPI
import Logging
import Testing

@testable import PodLoop

@Suite struct LogRotationTests {
    let runtime = FakeRuntime()
    let volumes = FakeVolumes()

    /// One round over a running container whose log is as given.
    private func rotate(_ log: MovedLog, refuses: Bool = false) async throws -> (calls: [String], movedBack: [String]) {
        let context = context(runtime, FakeCluster(), volumes)
        var create = CRICreateContainerRequest()
        create.config.metadata.name = "app"
        create.config.metadata.attempt = 3
        create.config.labels = [Label.podUID: "u1", Label.podName: "web", Label.podNamespace: "default"]
        var start = CRIStartContainerRequest()
        start.containerID = try await runtime.createContainer(create).containerID
        _ = try await runtime.startContainer(start)
        runtime.state.withLock { $0.refusesLogs = refuses }
        volumes.state.withLock { $0.logs = ["app/3": log] }
        try await LogRotation(context: context, limits: LogLimits()).once()
        return (Array(runtime.calls.dropFirst()), volumes.state.withLock { $0.movedBack })
    }

    @Test func leavesSmallLogsAlone() async throws {
        let done = try await rotate(.stays)
        #expect(done.calls.isEmpty && done.movedBack.isEmpty)
    }

    @Test func opensAMovedLogAnew() async throws {
        let done = try await rotate(.moved(to: "3.log.t"))
        #expect(done.calls == ["ReopenContainerLog app"] && done.movedBack.isEmpty)
    }

    /// A daemon was killed between the two steps.
    @Test func opensALogAnewThatIsNotThere() async throws {
        #expect(try await rotate(.absent).calls == ["ReopenContainerLog app"])
        #expect(try await rotate(.absent, refuses: true).movedBack.isEmpty)
    }

    @Test func undoesTheMoveOfALogThatCannotBeOpened() async throws {
        #expect(try await rotate(.moved(to: "3.log.t"), refuses: true).movedBack == ["3.log.t of app/3"])
    }

    @Test(arguments: [(0, ["app-2", "app-1", "app-0"]), (1, ["app-1", "app-0"]), (2, ["app-0"]), (3, [])])
    func keepsSoManyDeadContainers(kept: Int, removed: [String]) throws {
        let seen = (0...3).map {
            container("app", $0 == 3 ? running : exited(1, at: 2), attempt: UInt32($0), at: Int64($0))
        }
        let plan = Reconciler(hostAddresses: [], deadContainersKept: kept).plan(
            .running(try simple()), observed: ObservedPod(sandboxes: [sandbox()], containers: seen),
            memory: PodMemory(), now: at(9))
        #expect(plan.actions == removed.map { .removeContainer(id: $0) })
    }
}
