import Errors
import JSON
import KubeAPI
import Testing

@testable import PodLoop

@Suite struct AdmissionTests {
    static let generous = NodeAdmission(
        allowedUnsafeSysctls: ["kernel.msg*", "net.core.somaxconn"], hasAppArmor: true, hasSELinux: true)

    static func sysctl(_ name: String) -> JSONValue {
        ["securityContext": ["sysctls": [["name": .string(name), "value": "1"]]]]
    }

    static func container(_ context: JSONValue) -> JSONValue {
        [
            "initContainers": [["name": "first", "image": "i", "securityContext": context]],
            "containers": [["name": "app", "image": "i"]],
        ]
    }

    /// The pod, on which node, the reason or nil where it is taken, and how the message begins.
    static let cases: [(JSONValue, NodeAdmission, String?, String)] = [
        ([:], NodeAdmission(), nil, ""),
        (sysctl("net.ipv4.tcp_syncookies"), NodeAdmission(), nil, ""),
        (sysctl("kernel/shm_rmid_forced"), NodeAdmission(), nil, ""),
        (sysctl("net.core.somaxconn"), NodeAdmission(), "SysctlForbidden", "spec.securityContext.sysctls[0].name: "),
        (sysctl("net/core/somaxconn"), generous, nil, ""),
        (sysctl("kernel.msgmax"), generous, nil, ""),
        (sysctl("kernel.sem"), generous, "SysctlForbidden", "spec.securityContext.sysctls[0].name: "),
        (sysctl("net.core.somaxconn.more"), generous, "SysctlForbidden", ""),
        (
            ["securityContext": ["appArmorProfile": ["type": "RuntimeDefault"]]], NodeAdmission(), "AppArmor",
            "spec.securityContext.appArmorProfile: "
        ),
        (["securityContext": ["appArmorProfile": ["type": "Unconfined"]]], NodeAdmission(), nil, ""),
        (
            container(["appArmorProfile": ["type": "Localhost", "localhostProfile": "p"]]), generous, "AppArmor",
            "spec.initContainers[0].securityContext.appArmorProfile: "
        ),
        (
            container(["seLinuxOptions": ["type": "t"]]), NodeAdmission(), "SELinux",
            "spec.initContainers[0].securityContext.seLinuxOptions: "
        ),
        (container(["seLinuxOptions": ["type": "t"]]), generous, nil, ""),
    ]

    @Test(arguments: cases)
    func refuses(_ spec: JSONValue, _ node: NodeAdmission, _ reason: String?, _ start: String) throws {
        let refusal = node.refusal(of: try simple(spec))
        #expect(refusal?.reason == reason)
        #expect(refusal?.message.hasPrefix(start) ?? true, "\(refusal?.message ?? "")")
    }

    /// Nothing is made of a pod that is refused; it has failed for good, and says why once.
    @Test func aRefusedPodFails() throws {
        var pod = try simple(Self.sysctl("kernel.sem"))
        let plan = reconciler.plan(.running(pod), observed: ObservedPod(), memory: PodMemory(), now: at(0))
        #expect(plan.actions.isEmpty)
        #expect(plan.status?.phase == .failed && plan.status?.reason == "SysctlForbidden")
        #expect(plan.status?.message?.hasPrefix("Pod was rejected: spec.securityContext.sysctls[0].name") == true)
        #expect(plan.events.map(\.reason) == ["SysctlForbidden"])
        pod.status = plan.status
        let next = reconciler.plan(.running(pod), observed: ObservedPod(), memory: plan.memory, now: at(1))
        #expect(next.actions == [.tearDownVolumes] && next.events.isEmpty)
        #expect(next.status?.reason == "SysctlForbidden")
    }

    /// A pod that runs when a flag is gone runs on.
    @Test func whatRunsIsNotRefused() throws {
        let observed = ObservedPod(sandboxes: [sandbox()], containers: [])
        let plan = reconciler.plan(
            .running(try simple(Self.sysctl("kernel.sem"))), observed: observed, memory: PodMemory(), now: at(0))
        #expect(plan.status?.phase != .failed)
    }

    @Test func profileFilesAreCheckedByField() async throws {
        let profile: JSONValue = ["type": "Localhost", "localhostProfile": "a/b.json"]
        let missing: JSONValue = ["type": "Localhost", "localhostProfile": "none.json"]
        try await node.checkProfiles(of: try simple(["securityContext": ["seccompProfile": profile]]))
        let pod = try simple(Self.container(["seccompProfile": missing]))
        let error = await #expect(throws: SwiftletError.self) { try await node.checkProfiles(of: pod) }
        #expect(
            error?.description.contains("spec.initContainers[0].securityContext.seccompProfile.localhostProfile")
                == true)
        #expect(error?.description.contains("/profiles/none.json") == true)
    }
}
