import JSON

@testable import KubeAPI

/// Throws pods: valid ones of all kinds, and what a careless or hostile author makes of them. The same for the same seed
/// (SplitMix64).
struct PodThrower {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 }

    mutating func roll(_ sides: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((mixed ^ (mixed >> 31)) % UInt64(sides))
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[roll(elements.count)] }
    mutating func one(in sides: Int) -> Bool { roll(sides) == 0 }

    // MARK: Valid ones

    mutating func pod() -> JSONValue {
        var spec: JSONValue = [:]
        let volumes = (0..<roll(3)).map { "vol-\($0)" }
        spec["volumes"] = .array(volumes.map { volume($0) })
        spec["restartPolicy"] = .string(pick(["Always", "OnFailure", "Never"]))
        spec["containers"] = .array((0..<(1 + roll(3))).map { container("app-\($0)", volumes) })
        spec["initContainers"] = .array(
            (0..<roll(3)).map { number in
                var made = container("init-\(number)", volumes)
                if one(in: 2) {
                    made["restartPolicy"] = "Always"
                } else {
                    for key in ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] { made[key] = nil }
                }
                return made
            })
        if one(in: 2) { spec["terminationGracePeriodSeconds"] = .int(Int64(roll(100))) }
        if one(in: 3) { spec["activeDeadlineSeconds"] = .int(Int64(1 + roll(100))) }
        if one(in: 3) { spec["nodeSelector"] = ["disk": .string(pick(["ssd", "hdd"]))] }
        if one(in: 3) { spec["hostAliases"] = [["ip": "10.0.0.1", "hostnames": ["a", "b.c"]]] }
        if one(in: 3) { spec["securityContext"] = ["runAsUser": .int(Int64(roll(70000))), "fsGroup": 5] }
        if one(in: 4) { spec["resources"] = ["limits": ["cpu": "4", "memory": "8Gi"]] }
        if one(in: 4) { spec["readinessGates"] = [["conditionType": "example.com/go"]] }
        return [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": ["name": .string("pod-\(roll(1000))"), "labels": ["app": "web"]], "spec": spec,
        ]
    }

    private mutating func volume(_ name: String) -> JSONValue {
        let sources: [(String, JSONValue)] = [
            ("emptyDir", ["medium": "Memory", "sizeLimit": "1Mi"]), ("hostPath", ["path": "/srv"]),
            ("configMap", ["name": "c", "items": [["key": "k", "path": "p"]]]), ("secret", ["secretName": "s"]),
            ("persistentVolumeClaim", ["claimName": "data"]), ("emptyDir", [:]),
        ]
        let (kind, source) = pick(sources)
        var made: JSONValue = ["name": .string(name)]
        made[kind] = source
        return made
    }

    private mutating func container(_ name: String, _ volumes: [String]) -> JSONValue {
        var made: JSONValue = [
            "name": .string(name), "image": .string(pick(["busybox", "busybox:1", "r:5000/a/b:c"])),
        ]
        if one(in: 2) { made["command"] = ["sh", "-c", "echo \u{e9} $(A)"] }
        if one(in: 2) { made["env"] = [["name": "A", "value": "1"], ["name": "B", "value": "$(A)2"]] }
        if one(in: 2) { made["resources"] = resources() }
        if one(in: 3) { made["ports"] = [["containerPort": .int(Int64(1 + roll(65535))), "name": "http"]] }
        if one(in: 3) { made["readinessProbe"] = probe() }
        if one(in: 3) { made["livenessProbe"] = probe() }
        if one(in: 4) { made["lifecycle"] = ["preStop": ["sleep": ["seconds": 0]]] }
        if one(in: 4) { made["resizePolicy"] = [["resourceName": "cpu", "restartPolicy": "NotRequired"]] }
        if one(in: 4) {
            made["restartPolicy"] = .string(pick(["Always", "OnFailure", "Never"]))
            made["restartPolicyRules"] = [
                [
                    "action": .string(pick(["Restart", "RestartAllContainers"])),
                    "exitCodes": [
                        "operator": .string(pick(["In", "NotIn"])), "values": [.int(Int64(roll(256)))],
                    ],
                ]
            ]
        }
        if let volume = volumes.first, one(in: 2) {
            made["volumeMounts"] = [["name": .string(volume), "mountPath": "/data", "readOnly": .bool(one(in: 2))]]
        }
        return made
    }

    private mutating func resources() -> JSONValue {
        let cpu: JSONValue = .string(pick(["100m", "1", "0.5", "2e-1"]))
        let memory: JSONValue = .string(pick(["64Mi", "1G", "128974848", "1Gi"]))
        switch roll(3) {
        case 0: return ["limits": ["cpu": cpu, "memory": memory]]
        case 1: return ["requests": ["cpu": cpu, "memory": memory]]
        default: return ["requests": ["cpu": cpu], "limits": ["memory": memory]]
        }
    }

    private mutating func probe() -> JSONValue {
        let handlers: [(String, JSONValue)] = [
            ("exec", ["command": ["true"]]), ("httpGet", ["port": 80, "path": "/x"]), ("tcpSocket", ["port": 80]),
        ]
        let (kind, handler) = pick(handlers)
        var made: JSONValue = ["periodSeconds": .int(Int64(1 + roll(20))), "initialDelaySeconds": 1]
        made[kind] = handler
        return made
    }

    // MARK: Broken ones

    /// With one to four faults, somewhere.
    mutating func broken(_ pod: JSONValue) -> JSONValue {
        var pod = pod
        for _ in 0...roll(4) { pod = hit(pod, depth: 0) }
        return pod
    }

    private mutating func hit(_ value: JSONValue, depth: Int) -> JSONValue {
        // Deeper with each step, so that all of a pod is hit.
        guard depth < 12, !one(in: 5) else { return strange(value) }
        switch value {
        case .object(var members):
            guard !members.isEmpty else { return strange(value) }
            let key = pick(members.keys.sorted())
            switch roll(6) {
            case 0: members[key] = nil
            case 1: members[pick(["extra", "Name", "", "a.b", "\u{0}"])] = strange(.null)
            default: members[key] = hit(members[key] ?? .null, depth: depth + 1)
            }
            return .object(members)
        case .array(var elements):
            guard !elements.isEmpty else { return strange(value) }
            let index = roll(elements.count)
            switch roll(6) {
            case 0: elements.remove(at: index)
            case 1: elements.append(elements[index])
            default: elements[index] = hit(elements[index], depth: depth + 1)
            }
            return .array(elements)
        default: return strange(value)
        }
    }

    private mutating func strange(_ value: JSONValue) -> JSONValue {
        let all: [JSONValue] = [
            .null, true, false, 0, -1, .int(.max), .int(.min), .double(1e308), .double(-0.5), "", " ", "x", "UPPER",
            "..", "../../etc", "/", "-1Mi", "1e999999", "9999999999999999999999Ei", "0.0000000000000001", "$(A",
            "\u{0}\u{1}", .string(String(repeating: "a", count: 5000)), "\u{202e}evil", "1-", "::", "300.1.1.1", [:],
            [], [[]], [.null], ["a": ["b": ["c": []]]], .array(Array(repeating: value, count: 3)),
        ]
        return pick(all)
    }
}
