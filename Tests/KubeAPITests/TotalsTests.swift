import JSON
import Testing

@testable import KubeAPI

/// What pods ask for as a whole.
@Suite struct TotalsTests {
    static func box(_ requests: JSONValue = [:], _ limits: JSONValue = [:], sidecar: Bool = false) -> JSONValue {
        var box: JSONValue = ["name": "c", "image": "i", "resources": ["requests": requests, "limits": limits]]
        if sidecar { box["restartPolicy"] = "Always" }
        return box
    }

    static func spec(
        _ apps: [JSONValue], _ inits: [JSONValue] = [], _ more: JSONValue = [:]
    ) -> JSONValue {
        var spec: JSONValue = ["containers": .array(apps), "initContainers": .array(inits)]
        for (key, value) in more.object ?? [:] { spec[key] = value }
        return spec
    }

    /// The pod, its requests, its limits.
    static let cases: [(JSONValue, [String: String], [String: String])] = [
        (spec([box()]), [:], [:]),
        (spec([box(["cpu": "1"]), box(["cpu": "250m", "memory": "1Mi"])]), ["cpu": "1250m", "memory": "1Mi"], [:]),
        // A limit is a request where there is none.
        (spec([box([:], ["cpu": "1"])]), ["cpu": "1"], ["cpu": "1"]),
        // One container without a limit: the pod has none.
        (spec([box([:], ["memory": "1Mi"]), box()]), ["memory": "1Mi"], [:]),
        (spec([box([:], ["memory": "1Mi"]), box([:], ["memory": "2Mi"])]), ["memory": "3Mi"], ["memory": "3Mi"]),
        // Init containers one after the other, beside none of the app containers.
        (spec([box(["cpu": "1"])], [box(["cpu": "3"]), box(["cpu": "2"])]), ["cpu": "3"], [:]),
        (spec([box(["cpu": "3"])], [box(["cpu": "2"])]), ["cpu": "3"], [:]),
        // Sidecars run beside all that comes after them, and not beside what came before.
        (spec([box(["cpu": "1"])], [box(["cpu": "2"], sidecar: true)]), ["cpu": "3"], [:]),
        (
            spec([box(["cpu": "1"])], [box(["cpu": "2"], sidecar: true), box(["cpu": "5"])]), ["cpu": "7"], [:]
        ),
        (
            spec([box(["cpu": "1"])], [box(["cpu": "5"]), box(["cpu": "2"], sidecar: true)]), ["cpu": "5"], [:]
        ),
        // Huge pages are limited whoever asks for them.
        (
            spec([box([:], ["hugepages-2Mi": "4Mi"]), box()]), ["hugepages-2Mi": "4Mi"], ["hugepages-2Mi": "4Mi"]
        ),
        // Pod-level resources stand in for the sum, each by itself.
        (
            spec(
                [box(["cpu": "1", "memory": "1Mi"])], [],
                ["resources": ["requests": ["cpu": "2"], "limits": ["cpu": "4"]]]),
            ["cpu": "2", "memory": "1Mi"], ["cpu": "4"]
        ),
        (
            spec([box()], [], ["resources": ["limits": ["memory": "9Mi"]]]), ["memory": "9Mi"], ["memory": "9Mi"]
        ),
        // What the sandbox itself costs comes on top, and widens limits that there are.
        (
            spec([box(["cpu": "1"], ["memory": "1Mi"])], [], ["overhead": ["cpu": "100m", "memory": "2Mi"]]),
            ["cpu": "1100m", "memory": "3Mi"], ["memory": "3Mi"]
        ),
    ]

    @Test(arguments: cases) func totals(
        _ spec: JSONValue, _ requests: [String: String], _ limits: [String: String]
    ) throws {
        let spec = try PodSpec(spec)
        #expect(spec.totalRequests == (try requests.mapValues { try Quantity($0) }))
        #expect(spec.totalLimits == (try limits.mapValues { try Quantity($0) }))
    }

    /// The pod-level resources as written and the requests that follow.
    static let defaults: [(JSONValue, JSONValue, JSONValue)] = [
        (["limits": ["memory": "9Mi"]], [:], ["memory": "9Mi"]),
        (["limits": ["cpu": "4"]], ["cpu": "1"], ["cpu": "1"]),
        (["limits": ["cpu": "4"]], ["memory": "1Mi"], ["cpu": "4", "memory": "1Mi"]),
        (["limits": ["cpu": "4"], "requests": ["cpu": "2"]], ["cpu": "1"], ["cpu": "2"]),
    ]

    @Test(arguments: defaults) func podLevelRequests(
        _ own: JSONValue, _ containers: JSONValue, _ requests: JSONValue
    ) {
        let pod: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"],
            "spec": Self.spec([Self.box(containers)], [], ["resources": own]),
        ]
        #expect(PodDefaults.apply(to: pod)[path: "spec", "resources", "requests"] == requests)
    }
}

@Suite struct NodeAffinityTests {
    static let labels = ["kubernetes.io/os": "linux", "disk": "ssd", "size": "7"]

    static func term(_ key: String, _ word: String, _ values: [String] = []) -> JSONValue {
        ["key": .string(key), "operator": .string(word), "values": .array(values.map(JSONValue.string))]
    }

    static func affinity(_ terms: [JSONValue]) -> JSONValue {
        [
            "affinity": [
                "nodeAffinity": [
                    "requiredDuringSchedulingIgnoredDuringExecution": ["nodeSelectorTerms": .array(terms)]
                ]
            ]
        ]
    }

    static func all(_ expressions: JSONValue...) -> JSONValue { ["matchExpressions": .array(expressions)] }

    static let cases: [(JSONValue, Bool)] = [
        ([:], true),
        (["nodeSelector": ["disk": "ssd", "kubernetes.io/os": "linux"]], true),
        (["nodeSelector": ["disk": "hdd"]], false), (["nodeSelector": ["zone": "a"]], false),
        (affinity([all(term("disk", "In", ["hdd", "ssd"]))]), true),
        (affinity([all(term("zone", "In", ["a"]))]), false),
        (affinity([all(term("disk", "NotIn", ["ssd"]))]), false),
        (affinity([all(term("zone", "NotIn", ["a"]))]), true),
        (affinity([all(term("disk", "Exists"))]), true), (affinity([all(term("zone", "Exists"))]), false),
        (affinity([all(term("disk", "DoesNotExist"))]), false),
        (affinity([all(term("zone", "DoesNotExist"))]), true),
        (affinity([all(term("size", "Gt", ["6"]))]), true), (affinity([all(term("size", "Gt", ["7"]))]), false),
        (affinity([all(term("size", "Lt", ["8"]))]), true), (affinity([all(term("disk", "Lt", ["8"]))]), false),
        // All of a term, any of the terms; one that asks nothing holds nowhere.
        (affinity([all(term("disk", "Exists"), term("zone", "Exists"))]), false),
        (affinity([all(term("zone", "Exists")), all(term("disk", "Exists"))]), true),
        (affinity([[:]]), false),
        (affinity([["matchFields": [term("metadata.name", "In", ["n1"])]]]), true),
        (affinity([["matchFields": [term("metadata.name", "In", ["n2"])]]]), false),
    ]

    @Test(arguments: cases) func selects(_ more: JSONValue, _ taken: Bool) throws {
        var spec: JSONValue = ["containers": [["name": "c", "image": "i"]]]
        for (key, value) in more.object ?? [:] { spec[key] = value }
        #expect(try PodSpec(spec).selects(node: "n1", labels: Self.labels) == taken)
    }
}
