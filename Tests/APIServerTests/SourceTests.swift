import JSON
import KubeAPI
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct SourceTests {
    static let maps = "/api/v1/namespaces/default/configmaps"
    static let secrets = "/api/v1/namespaces/default/secrets"
    static let claims = "/api/v1/namespaces/default/persistentvolumeclaims"

    private func object(_ kind: String, _ name: String, _ more: JSONValue) -> JSONValue {
        MergePatch.apply(more, to: ["apiVersion": "v1", "kind": .string(kind), "metadata": ["name": .string(name)]])
    }

    @Test func configMapsComeAndGo() async throws {
        try await withServer { server in
            let map = object("ConfigMap", "c", ["data": ["a": "1"]])
            #expect(try await server.json(.POST, Self.maps, map).status == 201)
            let patched = try await server.json(
                .PATCH, Self.maps + "/c", ["data": ["b": "2"], "immutable": true],
                type: "application/strategic-merge-patch+json")
            #expect(patched.status == 200 && patched.body["data"] == ["a": "1", "b": "2"])
            let refused = try await server.json(
                .PATCH, Self.maps + "/c", ["data": ["a": "3"]], type: "application/merge-patch+json")
            #expect(refused.status == 422)
            #expect(refused.body["message"]?.string?.contains("field is immutable when `immutable` is set") == true)
            #expect(try await server.json(.DELETE, Self.maps + "/c").body["status"] == "Success")
        }
    }

    @Test func secretsAreStoredAsBytes() async throws {
        try await withServer { server in
            let secret = object("Secret", "s", ["stringData": ["pw": "hush"]])
            let made = try await server.json(.POST, Self.secrets, secret)
            #expect(made.status == 201 && made.body["data"] == ["pw": "aHVzaA=="] && made.body["type"] == "Opaque")
            #expect(made.body["stringData"] == nil)
            let bad = try await server.json(.POST, Self.secrets, object("Secret", "t", ["data": ["pw": "hush!"]]))
            #expect(bad.status == 400 && !bad.body.text().contains("hush"))
            let found = try await server.json(.GET, Self.secrets + "?fieldSelector=type%3DOpaque")
            #expect(found.body["items"]?.array?.count == 1)
        }
    }

    @Test func claimsAreProtected() async throws {
        try await withServer { server in
            let spec: JSONValue = [
                "spec": ["accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": "1Gi"]]]
            ]
            let claim = object("PersistentVolumeClaim", "p", spec)
            let made = try await server.json(.POST, Self.claims, claim)
            #expect(made.status == 201 && made.body["status"]?["phase"] == "Bound")
            // The same again, without what the server filled in, changes nothing.
            let again = try await server.json(.PUT, Self.claims + "/p", made.body)
            #expect(again.body == made.body)
            let larger = try await server.json(
                .PATCH, Self.claims + "/p", ["spec": ["resources": ["requests": ["storage": "2Gi"]]]],
                type: "application/merge-patch+json")
            #expect(larger.body["status"]?["capacity"]?["storage"] == "2Gi")
            let deleted = try await server.json(.DELETE, Self.claims + "/p")
            #expect(deleted.body["metadata"]?["deletionTimestamp"] != nil)
            #expect(try await server.json(.GET, Self.claims + "/p").status == 200)
            let reference = SourceReference(.claim, namespace: "default", name: "p")
            try await server.server.cluster.removeSource(reference, uid: "another")
            #expect(try await server.json(.GET, Self.claims + "/p").status == 200)
            try await server.server.cluster.removeSource(reference, uid: made.body.uid)
            #expect(try await server.json(.GET, Self.claims + "/p").status == 404)
        }
    }

    @Test func aClaimThatNobodyBindsSaysSo() async throws {
        try await withServer { server in
            let spec: JSONValue = [
                "spec": [
                    "accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": "1"]],
                    "storageClassName": "fast",
                ]
            ]
            let made = try await server.json(.POST, Self.claims, object("PersistentVolumeClaim", "p", spec))
            #expect(made.body["status"]?["phase"] == "Pending")
            let events = try await server.json(
                .GET, "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp")
            #expect(events.body["items"]?[0]?["message"] == "storageclass.storage.k8s.io \"fast\" not found")
            #expect(try await server.json(.DELETE, Self.claims + "/p").body["status"] == "Success")
        }
    }

    @Test func namespacesWaitForTheirClaims() async throws {
        try await withServer { server in
            _ = try await server.json(.POST, "/api/v1/namespaces", object("Namespace", "team", [:]))
            let team = "/api/v1/namespaces/team"
            let spec: JSONValue = [
                "spec": ["accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": "1"]]]
            ]
            let claim = try await server.json(
                .POST, team + "/persistentvolumeclaims", object("PersistentVolumeClaim", "p", spec)
            ).body
            _ = try await server.json(.POST, team + "/secrets", object("Secret", "s", ["stringData": ["a": "b"]]))
            #expect(try await server.json(.DELETE, team).body["status"]?["phase"] == "Terminating")
            #expect(try await server.json(.GET, team + "/secrets/s").status == 200)
            try await server.server.cluster.removeSource(
                SourceReference(.claim, namespace: "team", name: "p"), uid: claim.uid)
            #expect(try await server.json(.GET, team).status == 404)
            #expect(try await server.json(.GET, "/api/v1/secrets").body["items"]?.array?.isEmpty == true)
        }
    }

    @Test func theLoopPutsAndHears() async throws {
        try await withServer { server in
            let cluster = server.server.cluster
            var heard = cluster.watchSources().makeAsyncIterator()
            #expect(try await heard.next() == .all)
            let reference = SourceReference(.configMap, namespace: "default", name: "c")
            for (value, immutable) in [("1", false), ("2", true), ("3", true)] {
                let more: JSONValue = [
                    "metadata": ["namespace": "default"], "data": ["a": .string(value)], "immutable": .bool(immutable),
                ]
                try await cluster.putSource(object("ConfigMap", "c", more))
                #expect(try await heard.next() == .one(reference))
                #expect(try await cluster.source(reference)?["data"]?["a"] == .string(value))
            }
            #expect(try await cluster.sources(.configMap).count == 1)
            #expect(try await cluster.source(SourceReference(.secret, namespace: "default", name: "c")) == nil)
        }
    }
}
