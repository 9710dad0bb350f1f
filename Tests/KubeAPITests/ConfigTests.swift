import JSON
import Testing

@testable import KubeAPI

private func object(_ kind: String, _ more: JSONValue = [:], name: String = "c") -> JSONValue {
    MergePatch.apply(
        more, to: ["apiVersion": "v1", "kind": .string(kind), "metadata": ["name": .string(name)]])
}

private let large = JSONValue.string(String(repeating: "x", count: 700_000))

@Suite struct ConfigTests {
    static let faulty: [(String, JSONValue, Fault.Reason, String)] = [
        ("ConfigMap", ["data": ["a b": "x"]], .invalid, "data[a b]"),
        ("ConfigMap", ["data": ["..": "x"]], .invalid, "data[..]"),
        ("ConfigMap", ["data": [".": "x"]], .invalid, "data[.]"),
        ("ConfigMap", ["data": ["..data": "x"]], .invalid, "data[..data]"),
        ("ConfigMap", ["data": ["a/b": "x"]], .invalid, "data[a/b]"),
        ("ConfigMap", ["data": ["": "x"]], .invalid, "data[]"),
        ("ConfigMap", ["binaryData": ["a/../b": "eA=="]], .invalid, "binaryData[a/../b]"),
        ("ConfigMap", ["data": ["a": 1]], .typeInvalid, "data[a]"),
        ("ConfigMap", ["data": ["a": "x"], "binaryData": ["a": "eA=="]], .invalid, "data[a]"),
        ("ConfigMap", ["binaryData": ["a": "?"]], .typeInvalid, "binaryData[a]"),
        ("ConfigMap", ["data": ["a": large, "b": large]], .tooLong, ""),
        ("ConfigMap", ["datas": [:]], .unknownField, "datas"),
        ("Secret", ["data": ["a": "secret text"]], .typeInvalid, "data[a]"),
        ("Secret", ["data": ["a": 5]], .typeInvalid, "data[a]"),
        ("Secret", ["stringData": ["../a": "x"]], .invalid, "stringData[../a]"),
        ("Secret", ["stringData": ["a": large, "b": large]], .tooLong, "data"),
        ("Secret", ["type": "kubernetes.io/tls", "stringData": ["tls.crt": "x"]], .required, "data[tls.key]"),
        ("Secret", ["type": "kubernetes.io/basic-auth"], .required, "data[username]"),
        ("Secret", ["type": "kubernetes.io/ssh-auth"], .required, "data[ssh-privatekey]"),
        (
            "Secret", ["type": "kubernetes.io/dockerconfigjson", "stringData": [".dockerconfigjson": "no json"]],
            .invalid, "data[.dockerconfigjson]"
        ),
        (
            "Secret", ["type": "kubernetes.io/service-account-token"], .required,
            "metadata.annotations[kubernetes.io/service-account.name]"
        ),
        ("PersistentVolumeClaim", ["spec": [:]], .required, "spec.accessModes"),
        (
            "PersistentVolumeClaim", ["spec": ["accessModes": ["ReadWriteOnce"]]], .required,
            "spec.resources.requests.storage"
        ),
        (
            "PersistentVolumeClaim",
            ["spec": ["accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": "0"]]]], .invalid,
            "spec.resources.requests.storage"
        ),
        ("PersistentVolumeClaim", ["spec": ["accessModes": ["Write"]]], .notSupported, "spec.accessModes[0]"),
    ]

    @Test(arguments: faulty.indices) func namesTheFault(index: Int) {
        let (kind, more, reason, path) = Self.faulty[index]
        let faults = Admission(object(kind, more), kind: kind).faults
        #expect(faults.contains { $0.reason == reason && $0.path == path }, "\(faults.map(\.description))")
    }

    @Test func faultsShowNoValue() {
        for more: JSONValue in [
            ["data": ["a": "top secret"]], ["data": ["a": ["top secret"]]], ["stringData": ["a": ["b": "top secret"]]],
            ["type": "kubernetes.io/dockercfg", "stringData": [".dockercfg": "top secret"]],
            ["stringData": "top secret"], ["data": ["a": "top secret", "b/": "top secret"]],
        ] {
            let faults = Admission(object("Secret", more), kind: "Secret").faults
            #expect(!faults.isEmpty && !faults.contains { $0.description.contains("top secret") }, "\(faults)")
        }
    }

    @Test func secretsAreKeptAsBytes() throws {
        let admission = Admission(
            object("Secret", ["data": ["a": "b2\nxk", "b": "Yg=="], "stringData": ["a": "new", "c": ""]]),
            kind: "Secret")
        let secret = try Secret(try #require(admission.object))
        #expect(secret.files == ["a": Array("new".utf8), "b": [0x62], "c": []])
        #expect(secret.type == "Opaque" && admission.object?["stringData"] == nil)
        let again = Admission(object("Secret", ["data": ["a": "b2\nxk"]]), kind: "Secret").object
        #expect(again?["data"]?["a"] == "b2xk")
    }

    @Test func configMapsHaveTextAndBytes() throws {
        let tree = object("ConfigMap", ["data": ["a": "é"], "binaryData": ["b": "AP8="]])
        let map = try ConfigMap(try #require(Admission(tree, kind: "ConfigMap").object))
        #expect(map.files == ["a": Array("é".utf8), "b": [0, 255]])
    }

    static let changes: [(JSONValue, JSONValue, [String])] = [
        (["immutable": true, "data": ["a": "1"]], ["immutable": true, "data": ["a": "2"]], ["data"]),
        (["immutable": true, "data": ["a": "1"]], ["data": ["a": "1"]], ["immutable"]),
        (["immutable": true], ["immutable": true, "binaryData": ["a": ""]], ["binaryData"]),
        (["immutable": true, "metadata": ["labels": ["a": "b"]]], ["immutable": true], []),
        (["data": ["a": "1"]], ["immutable": true, "data": ["a": "2"]], []),
        (["type": "Opaque"], ["type": "other"], ["type"]),
    ]

    @Test(arguments: changes.indices) func immutableStaysAsItIs(index: Int) {
        let (old, new, paths) = Self.changes[index]
        let kind = old["type"] == nil ? "ConfigMap" : "Secret"
        #expect(ConfigValidation.updateFaults(old: old, new: new, kind: kind).map(\.path) == paths)
    }

    private func claim(_ spec: JSONValue = [:]) -> JSONValue {
        let usual: JSONValue = ["accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": "1Gi"]]]
        return object("PersistentVolumeClaim", ["spec": MergePatch.apply(spec, to: usual)])
    }

    @Test func claimsOfTheLocalClassAreBoundAtOnce() throws {
        for spec: JSONValue in [[:], ["storageClassName": "local"]] {
            let bound = try PersistentVolumeClaim(ClaimValidation.bound(claim(spec), uid: "u"))
            #expect(bound.isBound && bound.spec.storageClassName == "local" && bound.spec.volumeName == "pvc-u")
            #expect(bound.metadata.finalizers == [PersistentVolumeClaim.protection])
            #expect(bound.status?.capacity == ["storage": try Quantity("1Gi")])
        }
        for spec: JSONValue in [["storageClassName": "fast"], ["storageClassName": ""], ["volumeMode": "Block"]] {
            let waiting = try PersistentVolumeClaim(ClaimValidation.bound(claim(spec), uid: "u"))
            #expect(waiting.status?.phase == "Pending" && waiting.metadata.finalizers.isEmpty)
        }
    }

    @Test func aClaimOnlyGrows() {
        let old = claim()
        let larger: JSONValue = ["resources": ["requests": ["storage": "2Gi"]]]
        let smaller: JSONValue = ["resources": ["requests": ["storage": "1Mi"]]]
        #expect(ClaimValidation.updateFaults(old: old, new: claim(larger)).isEmpty)
        #expect(ClaimValidation.updateFaults(old: old, new: claim(smaller)).count == 1)
        #expect(ClaimValidation.updateFaults(old: old, new: claim(["volumeName": "other"])).count == 1)
    }

    @Test func tables() {
        let now = Timestamp(seconds: 100)
        func cells(_ kind: String, _ object: JSONValue) -> [JSONValue] {
            TablePrinter(kind: kind).table([object], now: now).rows[0].cells
        }
        let created: JSONValue = ["metadata": ["creationTimestamp": .string(Timestamp(seconds: 40).rfc3339)]]
        #expect(
            cells(
                "ConfigMap",
                object(
                    "ConfigMap", MergePatch.apply(["data": ["a": "", "b": ""], "binaryData": ["c": ""]], to: created)))
                == ["c", "3", "60s"])
        #expect(
            cells("Secret", object("Secret", MergePatch.apply(["type": "Opaque", "data": ["a": ""]], to: created)))
                == ["c", "Opaque", "1", "60s"])
        let bound = MergePatch.apply(created, to: ClaimValidation.bound(claim(), uid: "u"))
        #expect(
            cells("PersistentVolumeClaim", bound)
                == ["c", "Bound", "pvc-u", "1Gi", "RWO", "local", "<unset>", "60s", "Filesystem"])
    }
}
