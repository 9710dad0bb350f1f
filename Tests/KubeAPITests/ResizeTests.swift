import JSON
import Testing

@testable import KubeAPI

@Suite struct ResizeTests {
    static func pod(_ spec: JSONValue, _ metadata: JSONValue = ["name": "p"]) -> JSONValue {
        let whole: JSONValue = ["apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec]
        return Admission(whole, kind: "Pod").object ?? .null
    }

    static func spec(_ limits: JSONValue, _ requests: JSONValue, _ more: JSONValue = [:]) -> JSONValue {
        var container: JSONValue = [
            "name": "a", "image": "i:1", "resources": ["limits": limits, "requests": requests],
        ]
        for (key, value) in more.object ?? [:] { container[key] = value }
        return ["containers": [container]]
    }

    static func initial(_ cpu: String, policy: String?) -> JSONValue {
        var container: JSONValue = [
            "name": "first", "image": "i:1", "resources": ["requests": ["cpu": .string(cpu)]],
        ]
        if let policy { container["restartPolicy"] = .string(policy) }
        return ["containers": [["name": "a", "image": "i:1"]], "initContainers": [container]]
    }

    static let old = spec(["memory": "64Mi"], ["cpu": "100m"])

    /// Before, after, and what is said against it; nil for nothing.
    static let cases: [(JSONValue, JSONValue, String?)] = [
        (old, spec(["memory": "64Mi"], ["cpu": "200m"]), nil),
        (old, spec(["memory": "32Mi"], ["cpu": "100m", "memory": "16Mi"]), nil),
        (old, spec(["memory": "64Mi", "cpu": "1"], ["cpu": "100m"]), nil),
        (old, spec(["memory": "64Mi"], ["cpu": "100m"], ["image": "i:2"]), "only cpu and memory"),
        (old, spec(["memory": "64Mi", "ephemeral-storage": "1Gi"], ["cpu": "100m"]), "only cpu and memory"),
        (old, spec([:], ["cpu": "100m", "memory": "64Mi"]), "resource limits cannot be removed"),
        (old, spec(["memory": "64Mi"], [:]), "resource requests cannot be removed"),
        (old, spec(["memory": "64Mi", "cpu": "1"], ["cpu": "1", "memory": "64Mi"]), "QOS Class may not change"),
        (initial("1", policy: "Always"), initial("2", policy: "Always"), nil),
        (initial("1", policy: nil), initial("2", policy: nil), "only cpu and memory"),
    ]

    @Test(arguments: cases) func may(_ before: JSONValue, _ after: JSONValue, _ said: String?) {
        let faults = ResizeValidation.faults(old: Self.pod(before), new: Self.pod(after))
        guard let said else {
            #expect(faults.isEmpty, "\(faults)")
            return
        }
        #expect(faults.contains { $0.message.contains(said) && $0.path.hasPrefix("spec") }, "\(faults)")
    }

    @Test func staticPodsAreTheirFiles() {
        let metadata: JSONValue = ["name": "p", "annotations": ["kubernetes.io/config.mirror": "x"]]
        let faults = ResizeValidation.faults(
            old: Self.pod(Self.old, metadata), new: Self.pod(Self.spec(["memory": "1Gi"], ["cpu": "1"]), metadata))
        #expect(faults.map(\.message).first?.contains("static pods cannot be resized") == true)
    }

    /// The policy, the pod's restart policy, the path of the fault.
    static let policies: [(String, String, String, String?)] = [
        ("cpu", "RestartContainer", "Always", nil), ("memory", "NotRequired", "Never", nil),
        ("memory", "RestartContainer", "Never", "spec.containers[0].resizePolicy[0].restartPolicy"),
        ("pids", "NotRequired", "Always", "spec.containers[0].resizePolicy[0].resourceName"),
    ]

    @Test(arguments: policies) func policy(_ name: String, _ policy: String, _ restart: String, _ path: String?) {
        var spec = Self.spec(
            [:], [:],
            ["resizePolicy": [["resourceName": .string(name), "restartPolicy": .string(policy)]]])
        spec["restartPolicy"] = .string(restart)
        let pod: JSONValue = ["metadata": ["name": "p"], "spec": spec]
        #expect(PodValidation.faults(pod).map(\.path) == (path.map { [$0] } ?? []))
    }
}
