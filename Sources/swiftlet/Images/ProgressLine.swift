import Glibc
import JSON

/// One line on the terminal, written over as long work goes on. Nothing where standard error is none.
struct ProgressLine {
    private let enabled: Bool
    private var shown = 0

    init(quiet: Bool = false) { enabled = !quiet && Console.isTerminal(STDERR_FILENO) }

    mutating func show(_ text: String) {
        guard enabled else { return }
        let pad = String(repeating: " ", count: max(0, shown - text.count))
        // Progress is a courtesy: a terminal that went away does not stop the work.
        try? Console.write(Array("\r\(text)\(pad)\(text.isEmpty ? "\r" : "")".utf8), to: STDERR_FILENO)
        shown = text.count
    }

    mutating func clear() {
        if shown > 0 { show("") }
    }

    /// `12.3 MB`.
    static func megabytes(_ bytes: Int64) -> String { "\(bytes / 1_000_000).\(bytes / 100_000 % 10) MB" }
}
