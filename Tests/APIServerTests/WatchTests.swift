import Errors
import JSON
import KubeAPI
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct WatchTests {
    private func take(_ count: Int, _ lines: AsyncThrowingStream<JSONValue, any Error>) async throws -> [String] {
        var seen: [String] = []
        for try await line in lines {
            seen.append("\(line["type"]?.string ?? "") \(line["object"]?.name ?? "")")
            if seen.count == count { break }
        }
        return seen
    }

    @Test(.timeLimit(.minutes(1))) func givesWhatIsThereThenChanges() async throws {
        try await withServer { server in
            _ = try await server.json(.POST, TestServer.pods, TestServer.pod("a"))
            let watch = try await server.request(.GET, TestServer.pods + "?watch=true")
            _ = try await server.json(.POST, TestServer.pods, TestServer.pod("b"))
            _ = try await server.json(
                .PATCH, TestServer.pods + "/a", ["metadata": ["labels": ["x": "1"]]],
                type: "application/merge-patch+json")
            _ = try await server.json(.DELETE, TestServer.pods + "/b?gracePeriodSeconds=0")
            #expect(try await take(4, watch.lines()) == ["ADDED a", "ADDED b", "MODIFIED a", "DELETED b"])
        }
    }

    @Test(.timeLimit(.minutes(1))) func resumesFromAVersion() async throws {
        try await withServer { server in
            let first = try await server.json(.POST, TestServer.pods, TestServer.pod("a")).body.resourceVersion
            _ = try await server.json(.POST, TestServer.pods, TestServer.pod("b"))
            let watch = try await server.request(
                .GET, TestServer.pods + "?watch=1&resourceVersion=\(first)&timeoutSeconds=1&allowWatchBookmarks=true")
            #expect(try await take(9, watch.lines()) == ["ADDED b", "BOOKMARK "])
        }
    }

    @Test(.timeLimit(.minutes(1))) func selectorsTurnChangesIntoArrivalsAndDepartures() async throws {
        try await withServer { server in
            _ = try await server.json(.POST, TestServer.pods, TestServer.pod("a"))
            let watch = try await server.request(.GET, TestServer.pods + "?watch=1&labelSelector=x%3D1")
            for label: JSONValue in ["1", "1", "2"] {
                _ = try await server.json(
                    .PATCH, TestServer.pods + "/a",
                    ["metadata": ["labels": ["x": label, "n": .string(Identifiers.generated(""))]]],
                    type: "application/merge-patch+json")
            }
            #expect(try await take(3, watch.lines()) == ["ADDED a", "MODIFIED a", "DELETED a"])
        }
    }

    @Test(.timeLimit(.minutes(1))) func marksTheEndOfInitialEvents() async throws {
        try await withServer { server in
            _ = try await server.json(.POST, TestServer.pods, TestServer.pod("a"))
            let query = "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
            var lines = try await server.request(.GET, TestServer.pods + query).lines().makeAsyncIterator()
            #expect(try await lines.next()?["type"] == "ADDED")
            let mark = try await lines.next()
            #expect(
                mark?["type"] == "BOOKMARK"
                    && mark?["object"]?["metadata"]?["annotations"]?["k8s.io/initial-events-end"] == "true")
            #expect(try await server.json(.GET, TestServer.pods + "?watch=1&sendInitialEvents=true").status == 422)
        }
    }

    @Test(.timeLimit(.minutes(1))) func watchesTables() async throws {
        try await withServer { server in
            _ = try await server.json(.POST, TestServer.pods, TestServer.pod("a"))
            let watch = try await server.request(
                .GET, TestServer.pods + "?watch=1&fieldSelector=metadata.name%3Da",
                accept: "application/json;as=Table;v=v1;g=meta.k8s.io")
            var lines = watch.lines().makeAsyncIterator()
            let table = try Table(#require(try await lines.next()?["object"]))
            #expect(table.rows.count == 1 && table.rows[0].cells[0] == "a")
        }
    }

    @Test(.timeLimit(.minutes(1))) func historyIsBoundedAndSaysSo() async throws {
        let hub = WatchHub(version: 5)
        let key = ObjectKey(resource: .pods, namespace: "default", name: "a")
        func change(_ version: Int64) -> Change {
            Change(kind: .modified, key: key, version: version, object: [:], previous: nil)
        }
        let early = try hub.changes(after: 5)
        for version in 6...Int64(6 + 3 * WatchHub.historyLength) { hub.publish([change(version)]) }
        #expect(throws: APIFailure.self) { try hub.changes(after: 4) }
        #expect(throws: APIFailure.self) { try hub.changes(after: 6) }
        var versions: [Int64] = []
        let latest = Int64(6 + 3 * WatchHub.historyLength)
        let recent = try hub.changes(after: latest - 2)
        hub.close()
        for try await change in recent { versions.append(change.version) }
        #expect(versions == [latest - 1, latest])
        // A reader that never reads is let go, with the reason.
        await #expect(throws: APIFailure.self) { for try await _ in early {} }
    }

    @Test(.timeLimit(.minutes(1))) func aLeavingWatcherIsForgotten() async throws {
        try await withServer { server in
            let watch = try await server.request(.GET, TestServer.pods + "?watch=1")
            #expect(watch.status == 200)
            try await watch.channel.close()
            for index in 0..<20 { _ = try await server.json(.POST, TestServer.pods, TestServer.pod("p\(index)")) }
            #expect(try await server.json(.GET, TestServer.pods).body["items"]?.array?.count == 20)
        }
    }
}

@Suite struct ClusterTests {
    @Test(.timeLimit(.minutes(1))) func servesTheControlLoop() async throws {
        try await withServer { server in
            let cluster = server.server.cluster
            var changes = cluster.watchPods().makeAsyncIterator()
            guard case .all(let none) = try await changes.next() else { throw SwiftletError(.internal, "no snapshot") }
            #expect(none.isEmpty)
            let pod = try await cluster.createPod(
                TestServer.pod("a", ["metadata": ["uid": "11111111-2222-3333-4444-555555555555"]]))
            #expect(pod.metadata.uid == "11111111-2222-3333-4444-555555555555")
            #expect(try await changes.next() == .changed(pod))
            var status = PodStatus(phase: .running)
            status.podIP = "10.0.0.1"
            let updated = try await cluster.updateStatus(status, of: pod.reference)
            #expect(updated.status?.phase == .running && updated.status?.qosClass == .bestEffort)
            #expect(try await changes.next() == .changed(updated))
            let same = try await cluster.updateStatus(status, of: pod.reference)
            #expect(same == updated)
            try await cluster.deletePod(pod.reference, gracePeriodSeconds: nil)
            guard case .changed(let dying) = try await changes.next() else {
                throw SwiftletError(.internal, "no change")
            }
            #expect(dying.metadata.deletionGracePeriodSeconds == 30)
            try await cluster.removePod(pod.reference)
            guard case .removed = try await changes.next() else { throw SwiftletError(.internal, "no removal") }
            try await cluster.removePod(pod.reference)
            await #expect(throws: SwiftletError.self) { try await cluster.updateStatus(status, of: pod.reference) }
            let error = await #expect(throws: SwiftletError.self) { try await cluster.createPod(TestServer.pod("B")) }
            #expect(error?.code == .invalidArgument && error?.notes.first?.contains("metadata.name") == true)
        }
    }

    @Test func countsRepeatedEvents() async throws {
        try await withServer { server in
            let cluster = server.server.cluster
            let object = ObjectReference(kind: "Pod", namespace: "default", name: "a", uid: "u")
            for _ in 0..<3 {
                try await cluster.record(EventRecord(.warning, object: object, reason: "BackOff", message: "again"))
                server.clock.advance(10)
            }
            try await cluster.record(EventRecord(.normal, object: object, reason: "Pulled", message: "here"))
            let items =
                try await server.json(.GET, "/api/v1/events?fieldSelector=reason%3DBackOff").body["items"]?.array ?? []
            #expect(items.count == 1 && items.first?["count"] == 3)
            server.clock.advance(2 * EventRecorder.keptSeconds)
            try await cluster.record(EventRecord(.normal, object: object, reason: "Started", message: "new"))
            #expect(try await server.json(.GET, "/api/v1/events").body["items"]?.array?.count == 1)
        }
    }

    @Test func registersTheNode() async throws {
        try await withServer { server in
            var node = Node(name: "node1")
            node.metadata.labels = ["kubernetes.io/hostname": "node1"]
            var status = NodeStatus()
            status.capacity = ["cpu": Quantity(2)]
            status.conditions = [NodeCondition(type: "Ready", status: .true)]
            node.status = status
            try await server.server.cluster.register(node)
            try await server.server.cluster.register(node)
            let read = try await server.json(.GET, "/api/v1/nodes/node1").body
            #expect(read["status"]?["capacity"] == ["cpu": "2"] && !read.uid.isEmpty)
            status.conditions = [NodeCondition(type: "Ready", status: .false)]
            try await server.server.cluster.updateNodeStatus(status, node: "node1")
            #expect(
                try await server.json(.GET, "/api/v1/nodes").body["items"]?[0]?["status"]?["conditions"]?[0]?["status"]
                    == "False")
        }
    }
}
