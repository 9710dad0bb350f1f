import KubeAPI
import Testing

@testable import APIServer

@Suite struct CorrelatorTests {
    private let start = Timestamp(seconds: 1_800_000_000)
    private func object(_ name: String = "web", container: String? = nil) -> ObjectReference {
        ObjectReference(kind: "Pod", namespace: "default", name: name, uid: name, fieldPath: container)
    }

    private func event(_ message: String, _ reason: String = "Unhealthy", of name: String = "web") -> EventRecord {
        EventRecord(.warning, object: object(name), reason: reason, message: message)
    }

    @Test func theTenthDifferentMessageIsCombined() {
        var correlator = EventCorrelator()
        let taken = (1...12).map { correlator.take(event("failed \($0)"), now: start + Int64($0)) }
        #expect(taken.prefix(9).map { $0?.message } == (1...9).map { "failed \($0)" })
        #expect(
            taken.suffix(3).map { $0?.message }
                == (10...12).map { "(combined from similar events): failed \($0)" })
        #expect(Set(taken.suffix(3).map { $0?.identity }).count == 1)
        #expect(Set(taken.map { $0?.identity }).count == 10)
        // Another reason, another object: a group of its own.
        #expect(correlator.take(event("failed 13", "BackOff"), now: start + 13)?.message == "failed 13")
        #expect(correlator.take(event("failed 13", of: "db"), now: start + 13)?.message == "failed 13")
    }

    @Test func theSameMessageIsNeverCombined() {
        var correlator = EventCorrelator()
        let taken = (1...20).map { correlator.take(event("same"), now: start + Int64($0)) }
        #expect(taken.allSatisfy { $0?.message == "same" && $0?.count == 1 })
    }

    /// Seconds after the ninth message, whether the next one is combined.
    @Test(arguments: [(Int64(1), true), (600, true), (601, false)])
    func similarOnesMustComeSoon(_ later: Int64, _ combined: Bool) {
        var correlator = EventCorrelator()
        for number in 1...9 { _ = correlator.take(event("failed \(number)"), now: start) }
        let tenth = correlator.take(event("failed 10"), now: start + later)
        #expect(tenth?.message.hasPrefix(EventCorrelator.prefix) == combined)
    }

    @Test func anObjectIsHeardNowAndThen() {
        var correlator = EventCorrelator()
        for number in 1...25 { #expect(correlator.take(event("same"), now: start) != nil, "\(number)") }
        #expect(correlator.take(event("same"), now: start) == nil)
        #expect(correlator.take(event("other", "Pulled"), now: start + 299) == nil)
        // Containers of a pod are the pod.
        let inside = EventRecord(
            .normal, object: object(container: "spec.containers{a}"), reason: "Started", message: "x")
        #expect(correlator.take(inside, now: start + 299) == nil)
        #expect(correlator.take(event("same", of: "db"), now: start) != nil)
        // What was not written is counted with the next that is.
        #expect(correlator.take(event("same"), now: start + 300)?.count == 2)
        #expect(correlator.take(event("same"), now: start + 301) == nil)
        #expect(correlator.take(event("same"), now: start + 600)?.count == 2)
        // Never more than the burst, however long it was quiet.
        let later = start + 100_000
        #expect((1...30).filter { _ in correlator.take(event("same"), now: later) != nil }.count == 25)
    }

    @Test func memoryIsBounded() {
        var correlator = EventCorrelator()
        for number in 0..<10_000 { _ = correlator.take(event("x", of: "pod-\(number)"), now: start + Int64(number)) }
        let sizes = Mirror(reflecting: correlator).children.map { Mirror(reflecting: $0.value).children.count }
        #expect(sizes.allSatisfy { $0 <= EventCorrelator.remembered })
        #expect(sizes.contains { $0 > 0 })
    }
}
