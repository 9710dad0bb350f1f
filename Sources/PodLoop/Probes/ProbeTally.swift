import KubeAPI

/// Counts the outcomes of one probe: its verdict changes after so many of the same in a row.
struct ProbeTally: Equatable {
    /// Nil when there is none yet.
    private(set) var verdict: Bool?
    private let successes: Int32
    private let failures: Int32
    private var last: Bool?
    private var run: Int32 = 0

    /// Readiness is denied and liveness granted until a probe says otherwise; a start is neither. `verdict` is what an
    /// earlier count has come to.
    init(_ kind: ProbeKind, _ probe: Probe, verdict: Bool? = nil) {
        successes = probe.successThreshold ?? 1
        failures = probe.failureThreshold ?? 3
        switch kind {
        case .startup: self.verdict = verdict
        case .liveness: self.verdict = verdict ?? true
        case .readiness: self.verdict = verdict ?? false
        }
    }

    /// True when the verdict is another one now.
    mutating func take(_ success: Bool) -> Bool {
        run = last == success ? run + 1 : 1
        last = success
        guard run >= (success ? successes : failures), verdict != success else { return false }
        verdict = success
        return true
    }
}
