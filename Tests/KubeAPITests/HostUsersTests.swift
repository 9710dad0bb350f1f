import JSON
import Testing

@testable import KubeAPI

@Suite struct HostUsersTests {
    private func pod(_ spec: JSONValue, container more: JSONValue = [:]) -> JSONValue {
        var container: JSONValue = ["name": "c", "image": "i"]
        for (key, value) in more.object ?? [:] { container[key] = value }
        var all: JSONValue = ["containers": [container]]
        for (key, value) in spec.object ?? [:] { all[key] = value }
        return ["apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"], "spec": all]
    }

    private func shown(_ pod: JSONValue) -> [String] {
        Admission(pod, kind: "Pod").faults.map { "\($0.path): \($0.message)" }
    }

    @Test(arguments: ["hostNetwork", "hostPID", "hostIPC"]) func nothingOfTheHosts(_ field: String) {
        let found = shown(pod(.object(["hostUsers": false, field: true])))
        #expect(
            found.count == 1 && found[0].hasPrefix("spec.\(field): ") && found[0].contains("when `hostUsers` is false"))
        #expect(shown(pod(.object(["hostUsers": true, field: true]))).isEmpty)
    }

    @Test func anUnmaskedProcNeedsIt() {
        let unmasked: JSONValue = ["securityContext": ["procMount": "Unmasked"]]
        #expect(shown(pod(["hostUsers": false], container: unmasked)).isEmpty)
        let found = shown(pod([:], container: unmasked))
        #expect(found.count == 1 && found[0].hasPrefix("spec.containers[0].securityContext.procMount: "))
    }

    @Test func privilegedIsLeftToIt() {
        let privileged: JSONValue = ["securityContext": ["privileged": true]]
        let admission = Admission(pod(["hostUsers": false], container: privileged), kind: "Pod")
        #expect(admission.faults.isEmpty && admission.warnings.isEmpty)
    }
}
