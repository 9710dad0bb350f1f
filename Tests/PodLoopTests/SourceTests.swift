import Errors
import JSON
import KubeAPI
import Testing

@testable import PodLoop

func configMap(_ name: String, _ data: [String: String], binary: [String: [UInt8]] = [:]) -> ConfigMap {
    var map = ConfigMap(metadata: ObjectMeta(name: name, namespace: "default"))
    map.data = data
    map.binaryData = binary.mapValues(Base64Data.init)
    return map
}

func secret(_ name: String, _ data: [String: [UInt8]]) -> Secret {
    var secret = Secret(metadata: ObjectMeta(name: name, namespace: "default"))
    secret.data = data.mapValues(Base64Data.init)
    return secret
}

private let sources: PodSources = {
    var sources = PodSources()
    sources.configMaps["cfg"] = configMap("cfg", ["a": "1", "b": "two"], binary: ["raw": [0, 255]])
    sources.configMaps["more"] = configMap("more", ["b": "later", "c": "$(a)"])
    sources.secrets["key"] = secret("key", ["pw": Array("hush".utf8), "bin": [0xff], "nul": [0x61, 0]])
    return sources
}()

@Suite struct SourceEnvironmentTests {
    private func variables(_ container: JSONValue) throws -> [String] {
        var whole: JSONValue = ["name": "app", "image": "busybox:1"]
        for (key, value) in container.object ?? [:] { whole[key] = value }
        let pod = try pod(["containers": [whole]])
        return try Environment(
            pod: pod, container: pod.spec.containers[0], node: node, podAddresses: [], sources: sources
        ).variables().map { "\($0.name)=\($0.value)" }
    }

    static let good: [(JSONValue, [String])] = [
        (["envFrom": [["configMapRef": ["name": "cfg"]]]], ["a=1", "b=two"]),
        (["envFrom": [["prefix": "P_", "configMapRef": ["name": "cfg"]]]], ["P_a=1", "P_b=two"]),
        // A later source wins, and values are not expanded.
        (
            ["envFrom": [["configMapRef": ["name": "cfg"]], ["configMapRef": ["name": "more"]]]],
            ["a=1", "b=later", "c=$(a)"]
        ),
        // env wins over envFrom, and may use what it brought.
        (
            [
                "envFrom": [["configMapRef": ["name": "cfg"]]],
                "env": [["name": "a", "value": "x"], ["name": "z", "value": "$(a) $(b)"]],
            ],
            ["b=two", "a=x", "z=x two"]
        ),
        (
            [
                "envFrom": [
                    ["configMapRef": ["name": "no", "optional": true]],
                    ["secretRef": ["name": "no", "optional": true]],
                ]
            ], []
        ),
        (["env": [["name": "v", "valueFrom": ["configMapKeyRef": ["name": "cfg", "key": "b"]]]]], ["v=two"]),
        (["env": [["name": "v", "valueFrom": ["secretKeyRef": ["name": "key", "key": "pw"]]]]], ["v=hush"]),
        (["env": [["name": "v", "valueFrom": ["secretKeyRef": ["name": "key", "key": "no", "optional": true]]]]], []),
        (
            ["env": [["name": "v", "valueFrom": ["configMapKeyRef": ["name": "no", "key": "k", "optional": true]]]]], []
        ),
        (
            [
                "env": [
                    ["name": "v", "valueFrom": ["secretKeyRef": ["name": "key", "key": "pw"]]],
                    ["name": "w", "value": "<$(v)>"],
                ]
            ],
            ["v=hush", "w=<hush>"]
        ),
    ]

    @Test(arguments: good.indices) func takesWhatIsThere(index: Int) throws {
        #expect(try variables(Self.good[index].0) == Self.good[index].1)
    }

    static let bad: [(JSONValue, String)] = [
        (["envFrom": [["configMapRef": ["name": "no"]]]], "configmap \"no\" not found"),
        (["envFrom": [["secretRef": ["name": "no"]]]], "secret \"no\" not found"),
        (
            ["env": [["name": "v", "valueFrom": ["configMapKeyRef": ["name": "no", "key": "k"]]]]],
            "configmap \"no\" not found"
        ),
        (
            ["env": [["name": "v", "valueFrom": ["configMapKeyRef": ["name": "cfg", "key": "k"]]]]],
            "couldn't find key k in ConfigMap default/cfg"
        ),
        (
            ["env": [["name": "v", "valueFrom": ["configMapKeyRef": ["name": "cfg", "key": "raw"]]]]],
            "couldn't find key raw in ConfigMap default/cfg"
        ),
        (
            ["env": [["name": "v", "valueFrom": ["secretKeyRef": ["name": "key", "key": "k"]]]]],
            "couldn't find key k in Secret default/key"
        ),
        (
            ["env": [["name": "v", "valueFrom": ["secretKeyRef": ["name": "key", "key": "bin"]]]]],
            "key bin of Secret default/key holds bytes that no environment variable can have"
        ),
        (
            ["envFrom": [["secretRef": ["name": "key"]]]],
            "key bin of Secret default/key holds bytes that no environment variable can have"
        ),
    ]

    @Test(arguments: bad.indices) func saysWhatIsMissing(index: Int) throws {
        let error = #expect(throws: SwiftletError.self) { try variables(Self.bad[index].0) }
        #expect(error?.message == Self.bad[index].1)
    }
}

@Suite struct VolumeFilesTests {
    private func files(_ source: JSONValue) throws -> [String] {
        var volume = source
        volume["name"] = "v"
        var pod = try pod([
            "containers": [["name": "app", "image": "busybox:1", "resources": ["limits": ["cpu": "1500m"]]]],
            "volumes": [volume],
        ])
        pod.metadata.labels = ["b": "x", "a": "say \"hi\"\n"]
        pod.metadata.annotations = ["k": "\u{1}"]
        let projection = VolumeFiles(fields: PodFields(pod: pod, node: node), sources: sources)
        return try #require(try projection.files(of: pod.spec.volumes[0])).map {
            "\($0.path) \(String($0.mode, radix: 8)) \(String(decoding: $0.bytes, as: UTF8.self))"
        }
    }

    static let good: [(JSONValue, [String])] = [
        (["configMap": ["name": "more"]], ["b 644 later", "c 644 $(a)"]),
        (
            [
                "configMap": [
                    "name": "cfg", "defaultMode": 0o400,
                    "items": [["key": "b", "path": "x/y"], ["key": "a", "path": "z", "mode": 0o755]],
                ]
            ],
            ["x/y 400 two", "z 755 1"]
        ),
        (["configMap": ["name": "no", "optional": true]], []),
        (
            [
                "configMap": [
                    "name": "cfg", "optional": true,
                    "items": [["key": "no", "path": "x"], ["key": "a", "path": "y"]],
                ]
            ], ["y 644 1"]
        ),
        (["secret": ["secretName": "key", "items": [["key": "pw", "path": "p"]]]], ["p 644 hush"]),
        (["secret": ["secretName": "no", "optional": true]], []),
        (
            [
                "downwardAPI": [
                    "items": [
                        ["path": "name", "fieldRef": ["fieldPath": "metadata.name"]],
                        ["path": "labels", "fieldRef": ["fieldPath": "metadata.labels"]],
                        ["path": "annotations", "fieldRef": ["fieldPath": "metadata.annotations"], "mode": 0o600],
                        ["path": "one", "fieldRef": ["fieldPath": "metadata.labels['b']"]],
                        [
                            "path": "cpu",
                            "resourceFieldRef": ["containerName": "app", "resource": "limits.cpu", "divisor": "1m"],
                        ],
                    ]
                ]
            ],
            [
                "name 644 web", "labels 644 a=\"say \\\"hi\\\"\\n\"\nb=\"x\"", "annotations 600 k=\"\\x01\"",
                "one 644 x",
                "cpu 644 1500",
            ]
        ),
        (
            [
                "projected": [
                    "defaultMode": 0o440,
                    "sources": [
                        ["configMap": ["name": "more"]],
                        ["secret": ["name": "key", "items": [["key": "pw", "path": "b"]]]],
                        ["downwardAPI": ["items": [["path": "ns", "fieldRef": ["fieldPath": "metadata.namespace"]]]]],
                        ["serviceAccountToken": ["path": "token"]],
                    ],
                ]
            ],
            ["c 440 $(a)", "b 440 hush", "ns 440 default"]
        ),
    ]

    @Test(arguments: good.indices) func showsWhatIsAsked(index: Int) throws {
        #expect(try files(Self.good[index].0) == Self.good[index].1)
    }

    static let bad: [(JSONValue, String)] = [
        (["configMap": ["name": "no"]], "configmap \"no\" not found"),
        (["secret": ["secretName": "no"]], "secret \"no\" not found"),
        (
            ["configMap": ["name": "cfg", "items": [["key": "no", "path": "x"]]]],
            "configmap references non-existent config key: no"
        ),
        (
            ["secret": ["secretName": "key", "items": [["key": "no", "path": "x"]]]],
            "references non-existent secret key: no"
        ),
        (["projected": ["sources": [["configMap": ["name": "no"]]]]], "configmap \"no\" not found"),
    ]

    @Test(arguments: bad.indices) func saysWhatIsMissing(index: Int) throws {
        let error = #expect(throws: SwiftletError.self) { try files(Self.bad[index].0) }
        #expect(error?.message == Self.bad[index].1)
    }

    @Test func aPodNamesItsSources() throws {
        let pod = try pod([
            "initContainers": [["name": "i", "image": "x", "envFrom": [["secretRef": ["name": "s1"]]]]],
            "containers": [
                [
                    "name": "app", "image": "x",
                    "env": [["name": "v", "valueFrom": ["configMapKeyRef": ["name": "c1", "key": "k"]]]],
                ]
            ],
            "volumes": [
                ["name": "a", "configMap": ["name": "c2"]], ["name": "b", "secret": ["secretName": "s2"]],
                ["name": "c", "persistentVolumeClaim": ["claimName": "p"]],
                ["name": "d", "projected": ["sources": [["secret": ["name": "s3"]], ["configMap": ["name": "c3"]]]]],
            ],
        ])
        #expect(
            Set(pod.sources.map { "\($0.kind.rawValue) \($0.namespace)/\($0.name)" })
                == [
                    "Secret default/s1", "Secret default/s2", "Secret default/s3", "ConfigMap default/c1",
                    "ConfigMap default/c2", "ConfigMap default/c3", "PersistentVolumeClaim default/p",
                ])
    }
}
