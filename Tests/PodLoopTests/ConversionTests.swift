import CRI
import Errors
import JSON
import KubeAPI
import Testing

@testable import PodLoop

let node = NodeSettings(
    name: "n1", addresses: ["10.0.0.9"], capacity: ["cpu": Quantity(4), "memory": Quantity(bytes: 8 << 30)],
    allocatable: ["cpu": Quantity(4), "memory": Quantity(bytes: 8 << 30)], systemInfo: NodeSystemInfo(),
    logDirectory: "/logs",
    resolver: { .init(resolvConf: "# x\nnameserver 1.1.1.1\nsearch a b\noptions ndots:2 edns0\n") },
    seccompProfileDirectory: "/profiles",
    checkSeccompProfile: { path in
        if path != "/profiles/a/b.json" { throw SwiftletError.notFound("file", path) }
    })

private func one(_ more: JSONValue, spec: JSONValue = [:]) throws -> (Pod, Container) {
    var container: JSONValue = ["name": "app", "image": "busybox:1"]
    for (key, value) in more.object ?? [:] { container[key] = value }
    var all: JSONValue = ["containers": [container]]
    for (key, value) in spec.object ?? [:] { all[key] = value }
    let pod = try pod(all)
    return (pod, pod.spec.containers[0])
}

private func config(_ more: JSONValue, spec: JSONValue = [:], image: CRIImage = CRIImage()) throws -> CRIContainerConfig
{
    let (pod, container) = try one(more, spec: spec)
    return try ContainerConversion(pod: pod, container: container, node: node, podAddresses: ["10.1.0.2"])
        .config(attempt: 2, image: image, mounts: [])
}

@Suite struct ResourceTests {
    @Test(arguments: [(Int64(0), Int64(2)), (1, 2), (10, 10), (100, 102), (250, 256), (1000, 1024), (300_000, 262_144)])
    func shares(_ milli: Int64, _ shares: Int64) { #expect(cpuShares(milli: milli) == shares) }

    @Test(arguments: [(Int64(1), Int64(1000)), (10, 1000), (100, 10000), (500, 50000), (2000, 200_000)])
    func quota(_ milli: Int64, _ quota: Int64) { #expect(cpuQuota(milli: milli) == quota) }

    /// Limits, requests, cgroup, shares, quota, memory, score.
    static let classes: [(JSONValue, String, Int64, Int64, Int64, Int64)] = [
        ([:], "kubepods/besteffort/podu1", 2, 0, 0, 1000),
        (
            ["limits": ["cpu": "500m", "memory": "64Mi"]], "kubepods/podu1", 512, 50000, 64 << 20, -997
        ),
        (["requests": ["cpu": "250m", "memory": "4Gi"]], "kubepods/burstable/podu1", 256, 0, 0, 500),
        (["requests": ["memory": "8Gi"]], "kubepods/burstable/podu1", 2, 0, 0, 3),
        (["limits": ["memory": "8Mi"], "requests": ["memory": "1Mi"]], "kubepods/burstable/podu1", 2, 0, 8 << 20, 999),
    ]

    @Test(arguments: classes) func classesOfService(
        _ resources: JSONValue, _ cgroup: String, _ shares: Int64, _ quota: Int64, _ memory: Int64, _ score: Int64
    ) throws {
        let (pod, _) = try one(["resources": resources])
        let sandbox = try SandboxConversion(pod: pod, node: node).config(attempt: 0)
        #expect(sandbox.linux.cgroupParent == cgroup)
        let linux = try config(["resources": resources]).linux.resources
        #expect(linux.cpuShares == shares)
        #expect(linux.cpuQuota == quota)
        #expect(linux.memoryLimitInBytes == memory)
        #expect(linux.oomScoreAdj == score)
    }

    @Test func podLimitOnlyWhenAllHaveOne() throws {
        let limited: JSONValue = ["name": "a", "image": "i:1", "resources": ["limits": ["memory": "1Mi", "cpu": "1"]]]
        let both = try pod([
            "containers": [limited, ["name": "b", "image": "i:1", "resources": ["limits": ["memory": "2Mi"]]]]
        ])
        let resources = podResources(both, NodeBounds())
        #expect(resources.memoryLimitInBytes == 3 << 20)
        #expect(resources.cpuQuota == 0)
        let one = try pod(["containers": [limited, ["name": "b", "image": "i:1"]]])
        #expect(podResources(one, NodeBounds()).memoryLimitInBytes == 0)
    }
}

@Suite struct SandboxConversionTests {
    @Test func names() throws {
        let config = try SandboxConversion(pod: try simple(), node: node).config(attempt: 3)
        #expect(config.metadata.name == "web")
        #expect(config.metadata.attempt == 3)
        #expect(config.hostname == "web")
        #expect(config.logDirectory == "/logs/default_web_u1")
        #expect(config.labels["io.kubernetes.pod.uid"] == "u1")
        #expect(!config.hasDnsConfig)
        #expect(config.linux.securityContext.namespaceOptions.pid == .container)
    }

    static let modes: [(JSONValue, CRINamespaceMode, CRINamespaceMode, CRINamespaceMode)] = [
        (["hostNetwork": true], .node, .container, .pod), (["hostPID": true, "hostIPC": true], .pod, .node, .node),
        (["shareProcessNamespace": true], .pod, .pod, .pod),
    ]

    @Test(arguments: modes) func namespaceModes(
        _ spec: JSONValue, _ network: CRINamespaceMode, _ pid: CRINamespaceMode, _ ipc: CRINamespaceMode
    ) throws {
        let options = namespaces(of: try simple(spec))
        #expect(options.network == network)
        #expect(options.pid == pid)
        #expect(options.ipc == ipc)
    }

    @Test func dns() throws {
        let more: JSONValue = [
            "nameservers": ["2.2.2.2"], "searches": ["c"],
            "options": [["name": "ndots", "value": "5"], ["name": "x"]],
        ]
        let added = try SandboxConversion(pod: try simple(["dnsConfig": more]), node: node).config(attempt: 0).dnsConfig
        #expect(added.servers == ["1.1.1.1", "2.2.2.2"])
        #expect(added.searches == ["a", "b", "c"])
        #expect(added.options == ["edns0", "ndots:5", "x"])
        let none = try SandboxConversion(pod: try simple(["dnsPolicy": "None", "dnsConfig": more]), node: node)
            .config(attempt: 0).dnsConfig
        #expect(none.servers == ["2.2.2.2"])
    }

    @Test func longNamesAreCut() throws {
        let long = String(repeating: "a", count: 62) + "-bcd"
        #expect(hostname(of: try pod(["containers": [["name": "a", "image": "i:1"]]], name: long)).count == 62)
    }

    @Test func fullNames() throws {
        func config(_ spec: [String: JSONValue]) throws -> CRIPodSandboxConfig {
            try SandboxConversion(pod: try simple(.object(spec)), node: node).config(attempt: 0)
        }
        let full = try simple(["subdomain": "birds", "hostname": "swift"])
        #expect(fullHostname(of: full) == "swift.birds.default.svc.cluster.local")
        #expect(
            hostsFile(of: full, addresses: ["10.1.0.2"], nodeFile: "").contains(
                "\n10.1.0.2\tswift.birds.default.svc.cluster.local\tswift\n"))
        #expect(try config(["subdomain": "birds"]).hostname == "web")
        #expect(
            try config(["subdomain": "birds", "setHostnameAsFQDN": true]).hostname
                == "web.birds.default.svc.cluster.local")
        #expect(try config(["setHostnameAsFQDN": true]).hostname == "web")
        #expect(fullHostname(of: try simple(["subdomain": "birds", "hostnameOverride": "other"])) == nil)
        let long: [String: JSONValue] = [
            "subdomain": "birds", "hostname": .string(String(repeating: "a", count: 50)), "setHostnameAsFQDN": true,
        ]
        let error = #expect(throws: SwiftletError.self) { try config(long) }
        #expect(error?.message.contains("is too long (64 characters is the max, 82 characters requested)") == true)
    }

    @Test func hostsFiles() throws {
        let pod = try simple(["hostAliases": [["ip": "1.2.3.4", "hostnames": ["a", "b"]]]])
        let text = hostsFile(of: pod, addresses: ["10.1.0.2"], nodeFile: "")
        #expect(text.hasPrefix("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"))
        #expect(text.contains("\n10.1.0.2\tweb\n"))
        #expect(text.hasSuffix("# Entries added by HostAliases.\n1.2.3.4\ta\tb\n"))
        let host = hostsFile(of: try simple(["hostNetwork": true]), addresses: [], nodeFile: "127.0.0.1 x")
        #expect(host == "# Kubernetes-managed hosts file (host network).\n127.0.0.1 x\n")
    }
}

@Suite struct ContainerConversionTests {
    @Test func basics() throws {
        var image = CRIImage()
        image.id = "sha256:abc"
        let config = try config(
            [
                "env": [["name": "A", "value": "1"], ["name": "B", "value": "$(A)2 $(NO) $$(A)"]],
                "command": ["sh", "$(B)"], "args": ["$(A)"], "workingDir": "/w", "tty": true, "stdin": true,
            ], image: image)
        #expect(config.image.image == "sha256:abc")
        #expect(config.image.userSpecifiedImage == "busybox:1")
        #expect(config.metadata.attempt == 2)
        #expect(config.logPath == "app/2.log")
        #expect(config.command == ["sh", "12 $(NO) $(A)"])
        #expect(config.args == ["1"])
        #expect(
            config.envs.map { "\($0.key)=\(String(decoding: $0.value, as: UTF8.self))" } == ["A=1", "B=12 $(NO) $(A)"])
        #expect(config.labels["io.kubernetes.container.name"] == "app")
        #expect(config.annotations["io.kubernetes.container.restartCount"] == "2")
        #expect(config.tty && config.stdin)
    }

    static let fields: [(String, String)] = [
        ("metadata.name", "web"), ("metadata.namespace", "default"), ("metadata.uid", "u1"), ("spec.nodeName", "n1"),
        ("status.podIP", "10.1.0.2"), ("status.hostIP", "10.0.0.9"), ("metadata.labels['no']", ""),
        ("spec.serviceAccountName", "default"),
    ]

    @Test(arguments: fields) func downwardAPI(_ path: String, _ value: String) throws {
        let env: JSONValue = ["name": "X", "valueFrom": ["fieldRef": ["fieldPath": .string(path)]]]
        let config = try config(["env": [env]])
        #expect(config.envs.map { String(decoding: $0.value, as: UTF8.self) } == [value])
    }

    static let amounts: [(JSONValue, String)] = [
        (["resource": "limits.cpu"], "2"), (["resource": "limits.cpu", "divisor": "1m"], "1500"),
        (["resource": "limits.memory"], "8589934592"), (["resource": "requests.cpu"], "2"),
        (["resource": "limits.memory", "divisor": "1Gi"], "8"),
    ]

    @Test(arguments: amounts) func resourceFields(_ selector: JSONValue, _ value: String) throws {
        let config = try config([
            "resources": ["limits": ["cpu": "1500m"]],
            "env": [["name": "X", "valueFrom": ["resourceFieldRef": selector]]],
        ])
        #expect(config.envs.map { String(decoding: $0.value, as: UTF8.self) } == [value])
    }

    @Test func missingSources() throws {
        let reference: JSONValue = ["name": "X", "valueFrom": ["configMapKeyRef": ["name": "cfg", "key": "k"]]]
        let error = #expect(throws: SwiftletError.self) { try config(["env": [reference]]) }
        #expect(error?.reason == "configmap \"cfg\" not found")
        let optional: JSONValue = [
            "name": "X", "valueFrom": ["secretKeyRef": ["name": "s", "key": "k", "optional": true]],
        ]
        #expect(try config(["env": [optional]]).envs.isEmpty)
    }

    @Test func securityDefaults() throws {
        let security = try config([:]).linux.securityContext
        #expect(security.seccomp.profileType == .runtimeDefault)
        #expect(security.maskedPaths.contains("/proc/kcore"))
        #expect(security.readonlyPaths.contains("/proc/sys"))
        #expect(!security.noNewPrivs && !security.hasRunAsUser && !security.privileged)
    }

    @Test func containerWinsOverPod() throws {
        let security = try config(
            [
                "securityContext": [
                    "runAsUser": 7, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": ["add": ["NET_ADMIN"], "drop": ["ALL"]],
                    "seccompProfile": ["type": "Localhost", "localhostProfile": "a/b.json"],
                ]
            ],
            spec: ["securityContext": ["runAsUser": 5, "runAsGroup": 6, "fsGroup": 9, "supplementalGroups": [10]]]
        ).linux.securityContext
        #expect(security.runAsUser.value == 7)
        #expect(security.runAsGroup.value == 6)
        #expect(security.supplementalGroups == [9, 10])
        #expect(security.noNewPrivs && security.readonlyRootfs)
        #expect(security.capabilities.addCapabilities == ["NET_ADMIN"])
        #expect(security.capabilities.dropCapabilities == ["ALL"])
        #expect(security.seccomp.profileType == .localhost)
        #expect(security.seccomp.localhostRef == "/profiles/a/b.json")
    }

    @Test func privileged() throws {
        let security = try config(["securityContext": ["privileged": true]]).linux.securityContext
        #expect(security.privileged && security.maskedPaths.isEmpty && security.seccomp.profileType == .unconfined)
    }

    @Test func nonRoot() throws {
        let rooted: JSONValue = ["securityContext": ["runAsNonRoot": true]]
        let error = #expect(throws: SwiftletError.self) { try config(rooted) }
        #expect(error?.reason.hasPrefix("container has runAsNonRoot and image will run as root") == true)
        var named = CRIImage()
        named.username = "nobody"
        #expect(throws: SwiftletError.self) { try config(rooted, image: named) }
        var numbered = CRIImage()
        numbered.uid.value = 65534
        #expect(throws: Never.self) { try config(rooted, image: numbered) }
        #expect(throws: SwiftletError.self) { try config(["securityContext": ["runAsNonRoot": true, "runAsUser": 0]]) }
    }

    @Test func groupAloneTakesTheImagesUser() throws {
        var image = CRIImage()
        image.username = "www"
        let security = try config(["securityContext": ["runAsGroup": 3]], image: image).linux.securityContext
        #expect(security.runAsUsername == "www")
        #expect(security.runAsGroup.value == 3)
    }

    @Test(arguments: [("SIGUSR1", CRISignal.sigusr1), ("SIGRTMIN+3", .sigrtminplus3), ("SIGTERM", .sigterm)])
    func signals(_ name: String, _ signal: CRISignal) { #expect(CRISignal.named(name) == signal) }

    @Test(arguments: [
        ("busybox", PullPolicy.always), ("busybox:latest", .always), ("busybox:1.36", .ifNotPresent),
        ("host:5000/busybox", .always), ("busybox@sha256:aa", .ifNotPresent),
    ]) func defaultPullPolicy(_ image: String, _ policy: PullPolicy) {
        #expect(pullPolicy(of: Container(name: "a", image: image)) == policy)
    }
}

@Suite struct ExpandTests {
    @Test(arguments: [
        ("$(A)", "1"), ("$$(A)", "$(A)"), ("$(B)", "$(B)"), ("$", "$"), ("a$(", "a$("), ("$$", "$"), ("$A", "$A"),
        ("$(A)$(A)", "11"), ("$()", "$()"),
    ]) func expands(_ text: String, _ result: String) { #expect(expand(text, ["A": "1"]) == result) }
}
