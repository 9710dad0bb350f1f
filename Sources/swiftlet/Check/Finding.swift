import JSON

/// One thing this machine offers or lacks for running pods.
struct Finding: Sendable, Equatable {
    enum Verdict: String, Sendable {
        case ok
        /// Some pods cannot run, or run with less.
        case limited
        /// No pod can run.
        case missing
    }

    var name: String
    var verdict: Verdict
    /// What was found, and where.
    var detail: String
    /// What to do about it; empty when nothing is wrong.
    var fix = ""

    var json: JSONValue {
        ["name": .string(name), "verdict": .string(verdict.rawValue), "detail": .string(detail), "fix": .string(fix)]
    }
}
