import Errors
import JSON
import Testing

@testable import KubeAPI

/// What holds for any pod that anybody writes.
@Suite struct PropertyTests {
    /// Valid pods are taken, read the same after they are written, and stay as they are when they come again.
    @Test(arguments: 0..<500) func validPodsRoundTrip(_ seed: Int) throws {
        var thrower = PodThrower(seed: UInt64(seed))
        let pod = thrower.pod()
        let admission = Admission(pod, kind: "Pod")
        #expect(admission.faults.isEmpty, "\(admission.faults) of \(pod.text())")
        let stored = try #require(admission.object)
        let typed = try Pod(stored)
        #expect(try Pod(typed.json) == typed)
        let again = Admission(stored, kind: "Pod")
        #expect(again.object == stored)
        #expect(try JSONValue.parse(stored.text()) == stored)
        #expect(PodValidation.updateFaults(old: stored, new: stored).isEmpty)
        #expect(ResizeValidation.faults(old: stored, new: stored).isEmpty)
        // As a file, in JSON and as the one of a list.
        let text = ["apiVersion": "v1", "kind": "List", "items": [pod]] as JSONValue
        #expect(try Manifest.objects(Array(text.text().utf8), source: "x").map(\.object) == [pod])
    }

    /// Broken ones are either refused, every fault with its path, or can be read and acted on.
    @Test(arguments: 0..<1500) func brokenPodsAreNamed(_ seed: Int) throws {
        var thrower = PodThrower(seed: UInt64(seed))
        let pod = thrower.broken(thrower.pod())
        let admission = Admission(pod, kind: "Pod")
        guard let stored = admission.object else {
            #expect(!admission.faults.isEmpty)
            for fault in admission.faults where pod.object != nil {
                #expect(!fault.path.isEmpty, "\(fault) of \(pod.text())")
            }
            let seen = admission.faults.map { "\($0)" }
            #expect(Set(seen).count == seen.count, "twice: \(seen)")
            return
        }
        #expect(admission.faults.isEmpty)
        let typed = try Pod(stored)
        #expect(Admission(stored, kind: "Pod").object == stored)
        _ = (typed.spec.totalRequests, typed.spec.totalLimits, QOSClass(of: typed.spec), PodSummary(typed).status)
        _ = (PodWaits.sentences(of: typed), typed.spec.selects(node: "n", labels: [:]))
    }

    /// Statuses come over the API as well.
    @Test(arguments: 0..<300) func brokenStatusesAreNamed(_ seed: Int) throws {
        var thrower = PodThrower(seed: UInt64(seed))
        var pod = thrower.pod()
        let status: JSONValue = [
            "phase": "Running", "podIPs": [["ip": "10.0.0.1"]],
            "conditions": [["type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"]],
            "containerStatuses": [
                [
                    "name": "app-0", "ready": true, "restartCount": 1, "image": "i", "imageID": "x",
                    "state": ["waiting": ["reason": "x"]], "lastState": ["terminated": ["exitCode": 1]],
                ]
            ],
        ]
        pod["status"] = thrower.broken(status)
        let faults = Schema.check(pod, kind: "Pod")
        if faults.isEmpty {
            let typed = try Pod(Schema.normalized(pod, kind: "Pod"))
            _ = (PodSummary(typed), PodWaits.sentences(of: typed))
        } else {
            #expect(faults.allSatisfy { $0.path.hasPrefix("status") })
        }
    }

    /// What the throws found: an empty word is one that is not set, and a pod with it is read and acted on.
    @Test func emptyWordsAreNotSet() throws {
        let pod: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"], "status": ["phase": ""],
            "spec": [
                "restartPolicy": "", "dnsPolicy": "",
                "containers": [["name": "a", "image": "i:1", "imagePullPolicy": "", "ports": []]],
            ],
        ]
        let stored = try #require(Admission(pod, kind: "Pod").object)
        let typed = try Pod(stored)
        #expect(typed.spec.restartPolicy == .always && typed.spec.dnsPolicy == .clusterFirst)
        #expect(typed.spec.containers[0].imagePullPolicy == .ifNotPresent && typed.status?.phase == .pending)
    }

    /// Bytes changed, dropped and doubled: an error that says where, or objects.
    @Test(arguments: 0..<500) func anyTextIsReadOrNamed(_ seed: Int) {
        var thrower = PodThrower(seed: UInt64(seed))
        var bytes = Array(thrower.pod().text().utf8)
        for _ in 0...thrower.roll(8) {
            let index = thrower.roll(bytes.count)
            switch thrower.roll(4) {
            case 0: bytes[index] = UInt8(thrower.roll(256))
            case 1: bytes.remove(at: index)
            case 2: bytes.insert(thrower.pick(Array("{}[],:\"'&*!|>#%@\n\t -".utf8)), at: index)
            default: bytes = Array(bytes[..<max(1, index)])
            }
        }
        do {
            for object in try Manifest.objects(bytes, source: "file.yaml") {
                _ = Admission(object.object, kind: "Pod").faults
            }
        } catch {
            #expect("\(SwiftletError.wrapping(error))".contains("file.yaml"))
        }
    }
}
