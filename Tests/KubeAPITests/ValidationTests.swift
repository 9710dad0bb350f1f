import Errors
import JSON
import Testing

@testable import KubeAPI

/// A valid pod, with a member of its spec or of its first container replaced.
private func pod(spec changes: [String: JSONValue] = [:], container: [String: JSONValue] = [:]) -> JSONValue {
    var first: [String: JSONValue] = ["name": "c", "image": "busybox:1"]
    first.merge(container) { $1 }
    var spec: [String: JSONValue] = ["containers": [.object(first.filter { !$0.value.isNull })]]
    spec.merge(changes) { $1 }
    return [
        "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"], "spec": .object(spec.filter { !$0.value.isNull }),
    ]
}

@Suite struct ValidationTests {
    static let mountV: JSONValue = [["name": "v", "mountPath": "/v"]]

    static let faulty: [(JSONValue, Fault.Reason, String)] = [
        (pod(container: ["livnessProbe": [:]]), .unknownField, "spec.containers[0].livnessProbe"),
        (pod(spec: ["container": []]), .unknownField, "spec.container"),
        (pod(spec: ["restartPolicy": "Sometimes"]), .notSupported, "spec.restartPolicy"),
        (pod(spec: ["hostNetwork": "yes"]), .typeInvalid, "spec.hostNetwork"),
        (pod(spec: ["terminationGracePeriodSeconds": "30"]), .typeInvalid, "spec.terminationGracePeriodSeconds"),
        (pod(spec: ["terminationGracePeriodSeconds": 1.5]), .typeInvalid, "spec.terminationGracePeriodSeconds"),
        (pod(spec: ["priority": 3_000_000_000]), .typeInvalid, "spec.priority"),
        (pod(spec: ["containers": nil]), .required, "spec.containers"),
        (pod(spec: ["containers": []]), .required, "spec.containers"),
        (pod(container: ["name": nil]), .required, "spec.containers[0].name"),
        (pod(container: ["name": "A_b"]), .invalid, "spec.containers[0].name"),
        (pod(container: ["image": nil]), .required, "spec.containers[0].image"),
        (pod(container: ["image": " x"]), .invalid, "spec.containers[0].image"),
        (pod(container: ["imagePullPolicy": "Maybe"]), .notSupported, "spec.containers[0].imagePullPolicy"),
        (pod(spec: ["initContainers": [["name": "c", "image": "i"]]]), .duplicate, "spec.initContainers[0].name"),
        (
            pod(container: ["resources": ["limits": ["memory": "64MiB"]]]), .typeInvalid,
            "spec.containers[0].resources.limits[memory]"
        ),
        (
            pod(container: ["resources": ["limits": ["memory": "-1"]]]), .invalid,
            "spec.containers[0].resources.limits[memory]"
        ),
        (
            pod(container: ["resources": ["limits": ["cpu": "1"], "requests": ["cpu": "2"]]]), .invalid,
            "spec.containers[0].resources.requests[cpu]"
        ),
        (pod(container: ["resources": ["limits": ["disk": "1"]]]), .invalid, "spec.containers[0].resources.limits"),
        (pod(container: ["volumeMounts": mountV]), .notFound, "spec.containers[0].volumeMounts[0].name"),
        (
            pod(
                spec: ["volumes": [["name": "v"]]],
                container: ["volumeMounts": [["name": "v", "mountPath": "/v"], ["name": "v", "mountPath": "/v"]]]),
            .invalid, "spec.containers[0].volumeMounts[1].mountPath"
        ),
        (
            pod(
                spec: ["volumes": [["name": "v"]]],
                container: ["volumeMounts": [["name": "v", "mountPath": "/v", "subPath": "../x"]]]), .invalid,
            "spec.containers[0].volumeMounts[0].subPath"
        ),
        (
            pod(
                spec: ["volumes": [["name": "v"]]],
                container: ["volumeMounts": [["name": "v", "mountPath": "/v", "mountPropagation": "Bidirectional"]]]),
            .forbidden, "spec.containers[0].volumeMounts[0].mountPropagation"
        ),
        (pod(spec: ["volumes": [["name": "v"], ["name": "v"]]]), .duplicate, "spec.volumes[1].name"),
        (
            pod(spec: [
                "volumes": [
                    [
                        "name": "v",
                        "projected": [
                            "sources": [
                                ["configMap": ["name": "a", "items": [["key": "k", "path": "x"]]]],
                                ["secret": ["name": "b", "items": [["key": "k", "path": "x"]]]],
                            ]
                        ],
                    ]
                ]
            ]), .invalid, "spec.volumes[0].projected.sources[1].secret.items[0].path"
        ),
        (
            pod(spec: ["ephemeralContainers": [["name": "e", "image": "i"]]]), .forbidden,
            "spec.ephemeralContainers"
        ),
        (
            pod(spec: ["volumes": [["name": "v", "emptyDir": [:], "hostPath": ["path": "/x"]]]]), .forbidden,
            "spec.volumes[0].hostPath"
        ),
        (
            pod(spec: ["volumes": [["name": "v", "hostPath": ["path": "/a/../b"]]]]), .invalid,
            "spec.volumes[0].hostPath.path"
        ),
        (pod(spec: ["volumes": [["name": "v", "hostPath": [:]]]]), .required, "spec.volumes[0].hostPath.path"),
        (
            pod(spec: ["volumes": [["name": "v", "hostPath": ["path": "/x", "type": "Dir"]]]]), .notSupported,
            "spec.volumes[0].hostPath.type"
        ),
        (
            pod(spec: ["volumes": [["name": "v", "emptyDir": ["sizeLimit": "-1"]]]]), .invalid,
            "spec.volumes[0].emptyDir.sizeLimit"
        ),
        (pod(spec: ["terminationGracePeriodSeconds": -1]), .invalid, "spec.terminationGracePeriodSeconds"),
        (pod(spec: ["activeDeadlineSeconds": 0]), .invalid, "spec.activeDeadlineSeconds"),
        (pod(spec: ["hostname": "UPPER"]), .invalid, "spec.hostname"),
        (pod(spec: ["dnsPolicy": "None"]), .required, "spec.dnsConfig.nameservers"),
        (pod(spec: ["dnsConfig": ["nameservers": ["300.1.1.1"]]]), .invalid, "spec.dnsConfig.nameservers[0]"),
        (pod(spec: ["hostAliases": [["ip": "1:2", "hostnames": ["a"]]]]), .invalid, "spec.hostAliases[0].ip"),
        (pod(spec: ["shareProcessNamespace": true, "hostPID": true]), .invalid, "spec.shareProcessNamespace"),
        (
            pod(spec: ["securityContext": ["sysctls": [["name": "Net X", "value": "1"]]]]), .invalid,
            "spec.securityContext.sysctls[0].name"
        ),
        (pod(container: ["ports": [["containerPort": 0]]]), .invalid, "spec.containers[0].ports[0].containerPort"),
        (pod(container: ["ports": [["containerPort": 70000]]]), .invalid, "spec.containers[0].ports[0].containerPort"),
        (
            pod(container: ["ports": [["containerPort": 80, "name": "Web"]]]), .invalid,
            "spec.containers[0].ports[0].name"
        ),
        (
            pod(container: ["ports": [["containerPort": 80, "protocol": "tcp"]]]), .notSupported,
            "spec.containers[0].ports[0].protocol"
        ),
        (
            pod(container: [
                "ports": [["containerPort": 80, "hostPort": 8080], ["containerPort": 81, "hostPort": 8080]]
            ]), .duplicate, "spec.containers[0].ports[1].hostPort"
        ),
        (pod(container: ["env": [["name": "A=B"]]]), .invalid, "spec.containers[0].env[0].name"),
        (pod(container: ["env": [["value": "x"]]]), .required, "spec.containers[0].env[0].name"),
        (
            pod(container: [
                "env": [["name": "A", "value": "x", "valueFrom": ["fieldRef": ["fieldPath": "metadata.name"]]]]
            ]), .invalid, "spec.containers[0].env[0].valueFrom"
        ),
        (
            pod(container: ["env": [["name": "A", "valueFrom": ["fieldRef": ["fieldPath": "metadata.nme"]]]]]),
            .notSupported, "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath"
        ),
        (pod(container: ["livenessProbe": [:]]), .required, "spec.containers[0].livenessProbe"),
        (
            pod(container: ["livenessProbe": ["exec": ["command": ["a"]], "periodSeconds": -1]]), .invalid,
            "spec.containers[0].livenessProbe.periodSeconds"
        ),
        (
            pod(container: ["livenessProbe": ["exec": ["command": ["a"]], "successThreshold": 2]]), .invalid,
            "spec.containers[0].livenessProbe.successThreshold"
        ),
        (
            pod(container: ["readinessProbe": ["httpGet": ["port": 99999]]]), .invalid,
            "spec.containers[0].readinessProbe.httpGet.port"
        ),
        (
            pod(container: ["securityContext": ["runAsUser": -1]]), .invalid,
            "spec.containers[0].securityContext.runAsUser"
        ),
        (
            pod(container: ["securityContext": ["privileged": true, "allowPrivilegeEscalation": false]]), .invalid,
            "spec.containers[0].securityContext"
        ),
        (
            pod(container: ["securityContext": ["capabilities": ["add": ["cap_net_admin", "ALL", "NO_SUCH"]]]]),
            .invalid, "spec.containers[0].securityContext.capabilities.add[2]"
        ),
        (
            pod(container: ["securityContext": ["capabilities": ["drop": ["12"]]]]), .invalid,
            "spec.containers[0].securityContext.capabilities.drop[0]"
        ),
        (
            pod(container: ["securityContext": ["seccompProfile": ["type": "Localhost"]]]), .required,
            "spec.containers[0].securityContext.seccompProfile.localhostProfile"
        ),
        (
            pod(spec: ["initContainers": [["name": "i", "image": "i", "livenessProbe": ["exec": ["command": ["a"]]]]]]),
            .forbidden, "spec.initContainers[0].livenessProbe"
        ),
        (["metadata": [:], "spec": ["containers": [["name": "c", "image": "i"]]]], .required, "metadata.name"),
        (
            ["metadata": ["name": "A"], "spec": ["containers": [["name": "c", "image": "i"]]]], .invalid,
            "metadata.name"
        ),
        (
            [
                "metadata": ["name": "a", "labels": ["x": "a b"]],
                "spec": ["containers": [["name": "c", "image": "i"]]],
            ], .invalid, "metadata.labels"
        ),
        (["metadata": ["name": "a"]], .required, "spec"), ("pod", .typeInvalid, "object"),
    ]

    @Test(arguments: faulty)
    func namesTheFault(object: JSONValue, reason: Fault.Reason, path: String) {
        let admission = Admission(object, kind: "Pod")
        #expect(admission.object == nil)
        #expect(admission.faults.contains { $0.reason == reason && $0.path == path }, "\(admission.faults)")
    }

    @Test func namesAllFaultsAtOnce() {
        let admission = Admission(
            pod(
                spec: ["restartPolicy": "x", "hostnam": "y"],
                container: ["image": nil, "ports": [["containerPort": 0]]]), kind: "Pod")
        #expect(
            Set(admission.faults.map(\.path)) == [
                "spec.restartPolicy", "spec.hostnam", "spec.containers[0].image",
                "spec.containers[0].ports[0].containerPort",
            ])
        let error = SwiftletError.refused(admission.faults, object: "pod p")
        #expect(error.description.contains("did you mean hostname?"))
    }

    static let suggestions: [(String, String?)] = [
        ("livnessProbe", "livenessProbe"), ("Image", "image"), ("commnad", "command"), ("arg", "args"),
        ("volumesMounts", "volumeMounts"), ("zzz", nil),
    ]

    @Test(arguments: suggestions)
    func suggests(name: String, meant: String?) {
        #expect(nearest(to: name, in: Schema.core["Container"]?.order ?? []) == meant)
    }

    @Test func completesAPod() throws {
        let admission = Admission(
            pod(
                spec: ["volumes": [["name": "v"]]],
                container: [
                    "resources": ["limits": ["cpu": "0.5", "memory": "1024Mi"]], "ports": [["containerPort": 80]],
                    "livenessProbe": ["httpGet": ["port": 80]],
                ]), kind: "Pod")
        let stored = try Pod(#require(admission.object))
        let container = stored.spec.containers[0]
        #expect(
            stored.spec.restartPolicy == .always && stored.spec.dnsPolicy == .clusterFirst
                && stored.spec.terminationGracePeriodSeconds == 30)
        #expect(
            container.imagePullPolicy == .ifNotPresent && container.terminationMessagePath == "/dev/termination-log")
        #expect(
            container.ports[0].protocol == .tcp && container.livenessProbe?.periodSeconds == 10
                && container.livenessProbe?.httpGet?.path == "/")
        #expect(
            admission.object?["spec"]?["containers"]?[0]?["resources"]?["requests"] == ["cpu": "500m", "memory": "1Gi"])
        #expect(stored.spec.volumes[0].emptyDir != nil)
        #expect(stored.status?.phase == .pending && stored.status?.qosClass == .guaranteed)
        #expect(Admission(try #require(admission.object), kind: "Pod").object == admission.object)
    }

    @Test func warnsOfWhatNothingFollowsFrom() {
        let admission = Admission(
            pod(spec: [
                "priorityClassName": "x", "tolerations": [["operator": "Exists"]], "hostUsers": true,
                "schedulerName": "default-scheduler",
            ]),
            kind: "Pod")
        #expect(admission.object != nil)
        #expect(admission.warnings.map { $0.prefix { $0 != ":" } } == ["spec.priorityClassName"])
    }

    @Test func dropsUnknownFieldsOnlyWhenTold() {
        let object = pod(spec: ["nope": 1])
        #expect(Admission(object, kind: "Pod", unknownFields: .strict).object == nil)
        let warned = Admission(object, kind: "Pod", unknownFields: .warn)
        #expect(warned.object?["spec"]?["nope"] == nil && warned.object != nil && warned.warnings.count == 1)
        #expect(Admission(object, kind: "Pod", unknownFields: .ignore).warnings.isEmpty)
    }

    @Test func updatesOnlyWhatMayChange() {
        let old = pod()
        #expect(PodValidation.updateFaults(old: old, new: pod(container: ["image": "busybox:2"])).isEmpty)
        #expect(PodValidation.updateFaults(old: old, new: pod(spec: ["activeDeadlineSeconds": 5])).isEmpty)
        #expect(PodValidation.updateFaults(old: old, new: pod(spec: ["tolerations": [["operator": "Exists"]]])).isEmpty)
        #expect(
            PodValidation.updateFaults(old: old, new: pod(container: ["command": ["x"]])).map(\.reason) == [.forbidden])
    }

    static let classes: [(JSONValue, QOSClass)] = [
        ([["name": "a"]], .bestEffort), ([["name": "a", "resources": ["requests": ["cpu": "1"]]]], .burstable),
        ([["name": "a", "resources": ["limits": ["cpu": "1", "memory": "1Gi"]]]], .guaranteed),
        (
            [["name": "a", "resources": ["limits": ["cpu": "1", "memory": "1Gi"], "requests": ["cpu": "500m"]]]],
            .burstable
        ),
        ([["name": "a", "resources": ["limits": ["cpu": "1", "memory": "1Gi"]]], ["name": "b"]], .burstable),
    ]

    @Test(arguments: classes)
    func qualityOfService(containers: JSONValue, expected: QOSClass) throws {
        #expect(QOSClass(of: try PodSpec(["containers": containers])) == expected)
    }

    static let policies: [(String, PullPolicy)] = [
        ("a", .always), ("a:latest", .always), ("a:1", .ifNotPresent), ("r:5000/a", .always),
        ("r:5000/a:2", .ifNotPresent), ("a@sha256:0", .ifNotPresent),
    ]

    @Test(arguments: policies)
    func pullPolicy(image: String, policy: PullPolicy) { #expect(PodDefaults.pullPolicy(ofImage: image) == policy) }

    /// Random trees never bring the checks down, and what is admitted can be read.
    @Test func survivesAnything() throws {
        var generator = SystemRandomNumberGenerator()
        func random(_ depth: Int) -> JSONValue {
            switch Int.random(in: 0..<(depth > 4 ? 5 : 7), using: &generator) {
            case 0: return .null
            case 1: return .bool(.random(using: &generator))
            case 2: return .int(.random(in: -3...70000, using: &generator))
            case 3: return .string(["", "a", "Always", "/x", "1Gi", "\u{0}"].randomElement(using: &generator) ?? "")
            case 4: return .double(.random(in: -1...1, using: &generator))
            case 5: return .array((0..<Int.random(in: 0..<3, using: &generator)).map { _ in random(depth + 1) })
            default:
                let keys = [
                    "metadata", "spec", "containers", "name", "image", "volumes", "emptyDir", "ports", "containerPort",
                    "env", "x",
                ]
                return .object(
                    Dictionary(
                        (0..<4).map { _ in (keys.randomElement(using: &generator) ?? "x", random(depth + 1)) },
                        uniquingKeysWith: { $1 }))
            }
        }
        for _ in 0..<500 {
            let admission = Admission(random(0), kind: "Pod")
            #expect(admission.object == nil || !admission.faults.isEmpty == false)
            if let object = admission.object { _ = try Pod(object) }
            _ = Admission(
                pod(spec: ["volumes": random(2), "initContainers": random(2)], container: ["env": random(2)]),
                kind: "Pod")
        }
    }
}
