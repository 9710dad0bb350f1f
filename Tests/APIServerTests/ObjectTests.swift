import Errors
import Glibc
import JSON
import KubeAPI
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct ObjectTests {
    @Test func createsWithEverythingTheServerFillsIn() async throws {
        try await withServer { server in
            let (status, pod) = try await server.json(.POST, TestServer.pods, TestServer.pod("a"))
            #expect(status == 201)
            let typed = try Pod(pod)
            #expect(
                typed.metadata.uid?.count == 36 && typed.metadata.namespace == "default"
                    && typed.metadata.generation == 1)
            #expect(typed.metadata.creationTimestamp == server.clock.now())
            #expect(typed.spec.nodeName == "node1" && typed.status?.phase == .pending)
            #expect(typed.status?.condition("PodScheduled")?.status == .true)
            let read = try await server.json(.GET, TestServer.pods + "/a")
            #expect(read.status == 200 && read.body == pod)
            let events = try await server.json(
                .GET, "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=a")
            #expect(events.body["items"]?[0]?["reason"] == "Scheduled")
        }
    }

    static let refused: [(HTTPMethod, String, JSONValue?, Int, String)] = [
        (.GET, TestServer.pods + "/none", nil, 404, "NotFound"), (.GET, "/api/v1/gadgets", nil, 404, "NotFound"),
        (.GET, "/api/v2/pods", nil, 404, "NotFound"), (.GET, "/nothing", nil, 404, "NotFound"),
        (.GET, TestServer.pods + "/a/nothing", nil, 404, "NotFound"),
        (.DELETE, TestServer.pods + "/none", nil, 404, "NotFound"),
        (.POST, "/api/v1/namespaces/none/pods", TestServer.pod("a"), 404, "NotFound"),
        (.POST, TestServer.pods, TestServer.pod("taken"), 409, "AlreadyExists"),
        (.POST, TestServer.pods, TestServer.pod("A"), 422, "Invalid"), (.POST, TestServer.pods, [1], 400, "BadRequest"),
        (.POST, TestServer.pods, TestServer.pod("a", ["kind": "Node"]), 400, "BadRequest"),
        (.POST, TestServer.pods, TestServer.pod("a", ["apiVersion": "v2"]), 400, "BadRequest"),
        (.POST, TestServer.pods, TestServer.pod("a", ["metadata": ["namespace": "other"]]), 400, "BadRequest"),
        (.POST, TestServer.pods, TestServer.pod("a", ["metadata": ["resourceVersion": "5"]]), 400, "BadRequest"),
        (
            .POST, TestServer.pods + "?fieldValidation=Strict", TestServer.pod("a", ["spec": ["hostnam": "x"]]), 400,
            "BadRequest"
        ),
        (.POST, TestServer.pods + "?fieldValidation=Loose", TestServer.pod("a"), 400, "BadRequest"),
        (.POST, TestServer.pods + "?dryRun=Some", TestServer.pod("a"), 400, "BadRequest"),
        (.PUT, TestServer.pods + "/taken", TestServer.pod("other"), 400, "BadRequest"),
        (.PUT, TestServer.pods + "/none", TestServer.pod("none"), 404, "NotFound"),
        (
            .PUT, TestServer.pods + "/taken", TestServer.pod("taken", ["metadata": ["resourceVersion": "1"]]), 409,
            "Conflict"
        ),
        (.PUT, TestServer.pods + "/taken", TestServer.pod("taken", ["spec": ["hostname": "x"]]), 422, "Invalid"),
        (.DELETE, TestServer.pods + "/taken", ["preconditions": ["uid": "x"]], 409, "Conflict"),
        (.DELETE, "/api/v1/namespaces/default", nil, 403, "Forbidden"),
        (.POST, "/api/v1/pods", TestServer.pod("a"), 405, "MethodNotAllowed"),
        (.HEAD, TestServer.pods, nil, 405, "MethodNotAllowed"),
        (.GET, TestServer.pods + "?labelSelector=a%20b", nil, 400, "BadRequest"),
        (.GET, TestServer.pods + "?fieldSelector=spec.image%3Dx", nil, 400, "BadRequest"),
        (.GET, TestServer.pods + "?watch=perhaps", nil, 400, "BadRequest"),
        (.GET, TestServer.pods + "?watch=1&resourceVersion=x", nil, 400, "BadRequest"),
        (.GET, TestServer.pods + "/%zz", nil, 400, "BadRequest"),
        (.POST, TestServer.pods + "/taken/exec?command=a&stdout=1", nil, 400, "BadRequest"),
    ]

    @Test func answersWhatIsWrong() async throws {
        try await withServer { server in
            _ = try await server.json(.POST, TestServer.pods, TestServer.pod("taken"))
            for (method, uri, body, code, reason) in Self.refused where method != .HEAD {
                let answer = try await server.json(method, uri, body)
                #expect(answer.status == code, "\(method) \(uri): \(answer.body)")
                #expect(
                    answer.body["reason"] == .string(reason) && answer.body["code"] == .int(Int64(code)),
                    "\(method) \(uri)")
                #expect(answer.body["kind"] == "Status" && answer.body["status"] == "Failure")
            }
        }
    }

    @Test func namesEveryFaultWithItsField() async throws {
        try await withServer { server in
            let pod = TestServer.pod(
                "a", ["spec": ["restartPolicy": "Never!", "containers": [["name": "c", "image": ""]]]])
            let (status, body) = try await server.json(.POST, TestServer.pods, pod)
            #expect(status == 422)
            let causes = try Status(body).details?.causes ?? []
            #expect(causes.map(\.field) == ["spec.restartPolicy", "spec.containers[0].image"])
            #expect(causes.map(\.reason) == ["FieldValueNotSupported", "FieldValueRequired"])
        }
    }

    @Test func warnsInHeaders() async throws {
        try await withServer { server in
            let response = try await server.request(
                .POST, TestServer.pods, TestServer.pod("a", ["spec": ["hostnam": "x\u{e9}", "priorityClassName": "p"]]))
            #expect(response.status == 201)
            let warnings = response.headers["warning"]
            #expect(warnings.count == 2 && warnings.allSatisfy { $0.hasPrefix("299 - \"") })
            #expect(warnings[0].contains("did you mean hostname?"))
            _ = try await response.body()
        }
    }

    @Test func keepsTheVersionWhenNothingChanges() async throws {
        try await withServer { server in
            let created = try await server.json(.POST, TestServer.pods, TestServer.pod("a")).body
            let again = try await server.json(.PUT, TestServer.pods + "/a", TestServer.pod("a"))
            #expect(again.status == 200 && again.body == created)
            let patched = try await server.json(
                .PATCH, TestServer.pods + "/a", ["metadata": ["labels": ["x": "1"]]],
                type: "application/merge-patch+json"
            ).body
            #expect(patched["metadata"]?["resourceVersion"] != created["metadata"]?["resourceVersion"])
            #expect(patched["metadata"]?["generation"] == 1 && patched["metadata"]?["labels"] == ["x": "1"])
            let image: JSONValue = ["spec": ["containers": [["name": "c", "image": "busybox:2"]]]]
            let changed = try await server.json(
                .PATCH, TestServer.pods + "/a", image, type: "application/strategic-merge-patch+json"
            ).body
            #expect(
                changed["metadata"]?["generation"] == 2 && changed["spec"]?["containers"]?[0]?["image"] == "busybox:2")
            let json: JSONValue = [["op": "remove", "path": "/metadata/labels/x"]]
            #expect(
                try await server.json(.PATCH, TestServer.pods + "/a", json, type: "application/json-patch+json").body[
                    "metadata"]?["labels"] == [:])
            #expect(
                try await server.json(.PATCH, TestServer.pods + "/a", image, type: "application/apply-patch+yaml")
                    .status == 415)
            let missing: JSONValue = [["op": "remove", "path": "/metadata/labels/y"]]
            #expect(
                try await server.json(.PATCH, TestServer.pods + "/a", missing, type: "application/json-patch+json")
                    .status == 422)
        }
    }

    @Test func keepsStatusAndSpecApart() async throws {
        try await withServer { server in
            _ = try await server.json(.POST, TestServer.pods, TestServer.pod("a", ["status": ["phase": "Running"]]))
            let wanted = TestServer.pod("a", ["status": ["phase": "Running"], "spec": ["hostname": "ignored"]])
            #expect(
                try await server.json(
                    .PUT, TestServer.pods + "/a", TestServer.pod("a", ["status": ["phase": "Running"]])
                ).body["status"]?["phase"] == "Pending")
            let written = try await server.json(.PUT, TestServer.pods + "/a/status", wanted).body
            #expect(
                written["status"]?["phase"] == "Running" && written["spec"]?["hostname"] == nil
                    && written["metadata"]?["generation"] == 1)
        }
    }

    @Test func deletesWithGrace() async throws {
        try await withServer { server in
            _ = try await server.json(
                .POST, TestServer.pods, TestServer.pod("a", ["spec": ["terminationGracePeriodSeconds": 20]]))
            let begun = try await server.json(.DELETE, TestServer.pods + "/a").body
            #expect(begun["metadata"]?["deletionGracePeriodSeconds"] == 20)
            #expect(begun["metadata"]?["deletionTimestamp"] == .string((server.clock.now() + 20).rfc3339))
            let longer = try await server.json(.DELETE, TestServer.pods + "/a", ["gracePeriodSeconds": 60]).body
            #expect(longer == begun)
            let shorter = try await server.json(.DELETE, TestServer.pods + "/a?gracePeriodSeconds=5").body
            #expect(shorter["metadata"]?["deletionGracePeriodSeconds"] == 5)
            _ = try await server.json(.DELETE, TestServer.pods + "/a", ["gracePeriodSeconds": 0])
            #expect(try await server.json(.GET, TestServer.pods + "/a").status == 404)
        }
    }

    @Test func finalizersHold() async throws {
        try await withServer { server in
            _ = try await server.json(
                .POST, TestServer.pods, TestServer.pod("a", ["metadata": ["finalizers": ["x.io/hold"]]]))
            _ = try await server.json(.DELETE, TestServer.pods + "/a?gracePeriodSeconds=0")
            #expect(try await server.json(.GET, TestServer.pods + "/a").body["metadata"]?["deletionTimestamp"] != nil)
            _ = try await server.json(
                .PATCH, TestServer.pods + "/a", ["metadata": ["finalizers": nil]], type: "application/merge-patch+json")
            #expect(try await server.json(.GET, TestServer.pods + "/a").status == 404)
        }
    }

    @Test func dryRunKeepsNothing() async throws {
        try await withServer { server in
            #expect(try await server.json(.POST, TestServer.pods + "?dryRun=All", TestServer.pod("a")).status == 201)
            #expect(try await server.json(.GET, TestServer.pods + "/a").status == 404)
            _ = try await server.json(.POST, TestServer.pods, TestServer.pod("a"))
            _ = try await server.json(.DELETE, TestServer.pods + "/a?dryRun=All&gracePeriodSeconds=0")
            #expect(try await server.json(.GET, TestServer.pods + "/a").status == 200)
        }
    }

    @Test func generatesNames() async throws {
        try await withServer { server in
            let pod = TestServer.pod("x", ["metadata": ["name": nil, "generateName": "web-"]])
            let first = try await server.json(.POST, TestServer.pods, pod).body
            let second = try await server.json(.POST, TestServer.pods, pod).body
            #expect(first.name.hasPrefix("web-") && first.name.count == 9 && first.name != second.name)
        }
    }

    @Test func selectsAndDeletesCollections() async throws {
        try await withServer { server in
            for (name, tier) in [("a", "1"), ("b", "2"), ("c", "1")] {
                _ = try await server.json(
                    .POST, TestServer.pods, TestServer.pod(name, ["metadata": ["labels": ["tier": .string(tier)]]]))
            }
            func names(_ query: String) async throws -> [String] {
                try await server.json(.GET, TestServer.pods + query).body["items"]?.array?.map(\.name) ?? []
            }
            #expect(try await names("?labelSelector=tier%3D1") == ["a", "c"])
            #expect(try await names("?labelSelector=tier+notin+(1)") == ["b"])
            #expect(try await names("?fieldSelector=metadata.name%21%3Da") == ["b", "c"])
            let gone = try await server.json(
                .DELETE, TestServer.pods + "?labelSelector=tier%3D1", ["gracePeriodSeconds": 0])
            #expect(gone.body["items"]?.array?.count == 2)
            #expect(try await names("") == ["b"])
            let all = try await server.json(.GET, "/api/v1/pods")
            #expect(all.body["kind"] == "PodList" && all.body["items"]?.array?.count == 1)
        }
    }

    @Test func namespacesTakeTheirPodsAlong() async throws {
        try await withServer { server in
            #expect(
                try await server.json(
                    .POST, "/api/v1/namespaces",
                    ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "team"]]
                ).body["status"]?["phase"] == "Active")
            let pods = "/api/v1/namespaces/team/pods"
            let pod = try Pod(try await server.json(.POST, pods, TestServer.pod("a")).body)
            #expect(try await server.json(.DELETE, "/api/v1/namespaces/team").body["status"]?["phase"] == "Terminating")
            #expect(try await server.json(.POST, pods, TestServer.pod("b")).status == 403)
            #expect(try await server.json(.GET, pods + "/a").body["metadata"]?["deletionTimestamp"] != nil)
            try await server.server.cluster.removePod(pod.reference)
            #expect(try await server.json(.GET, "/api/v1/namespaces/team").status == 404)
        }
    }

    @Test func printsTables() async throws {
        try await withServer { server in
            _ = try await server.json(.POST, TestServer.pods, TestServer.pod("a"))
            let accept =
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
            let list = try Table(try await server.json(.GET, TestServer.pods, accept: accept).body)
            #expect(
                list.rows.map { $0.cells[0] } == ["a"]
                    && list.columnDefinitions.map(\.name).prefix(3) == ["Name", "Ready", "Status"])
            let one = try Table(
                try await server.json(.GET, TestServer.pods + "/a?includeObject=Object", accept: accept).body)
            #expect(one.rows[0].object?["spec"] != nil)
            #expect(
                try await server.json(.GET, TestServer.pods, accept: "application/vnd.kubernetes.protobuf").status
                    == 406)
            #expect(
                try await server.json(
                    .GET, TestServer.pods, accept: "application/vnd.kubernetes.protobuf,application/json"
                ).status == 200)
        }
    }

    @Test func servesDiscovery() async throws {
        try await withServer { server in
            #expect(try await server.request(.GET, "/healthz").text() == "ok")
            #expect(try await server.json(.GET, "/version").body["major"] == "1")
            #expect(try await server.json(.GET, "/api").body["versions"] == ["v1"])
            let names =
                try await server.json(.GET, "/api/v1").body["resources"]?.array?.compactMap { $0["name"]?.string } ?? []
            #expect(names.contains("pods") && names.contains("pods/exec") && names.contains("nodes/status"))
            #expect(try await server.json(.GET, "/apis").body["groups"]?[0]?["name"] == "metrics.k8s.io")
        }
    }

    @Test func survivesARestart() async throws {
        let first = try await TestServer()
        let created = try await first.json(.POST, TestServer.pods, TestServer.pod("a")).body
        for file in ["state.db", "state.db-wal", "api.sock"] {
            var info = stat()
            #expect(lstat(first.folder + "/" + file, &info) == 0 && info.st_mode & 0o777 == 0o600, "\(file)")
        }
        await first.server.stop()
        let second = try await TestServer(folder: first.folder)
        #expect(try await second.json(.GET, TestServer.pods + "/a").body == created)
        let next = try await second.json(.POST, TestServer.pods, TestServer.pod("b")).body
        #expect(Int64(next.resourceVersion) ?? 0 > Int64(created.resourceVersion) ?? 0)
        // What happened before this start is not kept: a watch from then must list anew.
        let old = try await second.json(.GET, TestServer.pods + "?watch=1&resourceVersion=1")
        #expect(old.status == 410 && old.body["reason"] == "Expired")
        await second.stop()
    }
}
