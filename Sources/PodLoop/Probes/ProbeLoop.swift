import KubeAPI
import Probing

/// A probe of a container from its start to its end.
struct ProbeLoop: Sendable {
    let kind: ProbeKind
    let probe: Probe
    let attempts: ProbeAttempt
    let startedAt: Timestamp
    /// What an earlier loop came to, when the daemon was started anew.
    let verdict: Bool?

    /// Until its task is cancelled. `report` gets every change of the verdict.
    func run(report: @Sendable (Bool) async -> Void) async {
        let sinceStart = attempts.context.now().timeInterval(since: startedAt)
        await pause(.seconds(max(0, Double(probe.initialDelaySeconds ?? 0) - sinceStart)))
        var tally = ProbeTally(kind, probe, verdict: verdict)
        let period = Duration.seconds(max(1, probe.periodSeconds ?? 10))
        var next = ContinuousClock.now
        while !Task.isCancelled {
            if let success = await judged(await attempt()), tally.take(success), let verdict = tally.verdict,
                !Task.isCancelled
            {
                await report(verdict)
            }
            // Attempts that take longer than the period are not made up for.
            next = max(next + period, .now)
            await pause(next - .now)
        }
    }

    /// What cannot be asked is tried three times.
    private func attempt() async -> ProbeOutcome {
        var outcome = ProbeOutcome.error("")
        for _ in 0..<3 {
            outcome = await attempts.make(probe)
            guard case .error = outcome, !Task.isCancelled else { break }
        }
        return outcome
    }

    /// Nil when there is nothing to count.
    private func judged(_ outcome: ProbeOutcome) async -> Bool? {
        if Task.isCancelled { return nil }
        switch outcome {
        case .checked(.success): return true
        case .checked(.warning(let text)):
            await attempts.record(.warning, "ProbeWarning", "\(kind.rawValue) probe warning: \(text)")
            return true
        case .checked(.failure(let text)):
            await attempts.record(.warning, "Unhealthy", "\(kind.rawValue) probe failed: \(text)")
            return false
        case .error(let text):
            await attempts.record(
                .warning, "Unhealthy", "\(kind.rawValue) probe errored and resulted in unknown state: \(text)")
            return nil
        }
    }
}
