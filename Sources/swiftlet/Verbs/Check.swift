import ArgumentParser
import CRI
import Errors
import Glibc
import JSON

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell what this machine offers and lacks for running pods.",
        discussion:
            "Looks at the kernel itself, and at a running daemon when one answers. Exits 1 when no pod can run here.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: OutputOptions

    mutating func run() async throws {
        let findings = KernelProbe.findings() + FirewallFindings.all() + (await daemon())
        switch format.output {
        case .json?, .yaml?:
            let list = JSONValue.array(findings.map(\.json))
            try Console.write(format.output == .yaml ? list.yaml() : list.text(indent: 2) + "\n")
        default: try text(findings)
        }
        if findings.contains(where: { $0.verdict == .missing }) { throw ExitCode.failure }
    }

    private func text(_ findings: [Finding]) throws {
        let colour = Console.isTerminal(STDOUT_FILENO)
        let width = findings.map(\.name.count).max() ?? 0
        for finding in findings {
            let (mark, code) =
                switch finding.verdict {
                case .ok: ("ok     ", "32")
                case .limited: ("limited", "33")
                case .missing: ("MISSING", "31")
                }
            let verdict = colour ? "\u{1b}[\(code)m\(mark)\u{1b}[0m" : mark
            let pad = String(repeating: " ", count: width - finding.name.count)
            try Console.line("\(verdict)  \(finding.name)\(pad)  \(printable(finding.detail, limit: 1024))")
            if !finding.fix.isEmpty {
                try Console.line("         \(String(repeating: " ", count: width))  fix: \(finding.fix)")
            }
        }
        let bad = findings.filter { $0.verdict != .ok }.count
        try Console.line(
            bad == 0 ? "Everything pods need is here." : "\(bad) of \(findings.count) checks found something to mend.")
    }

    /// What the daemon itself tried; it not running is no fault of the machine.
    private func daemon() async -> [Finding] {
        var request = CRIStatusRequest()
        request.verbose = true
        do {
            let status = try await global.runtime.with(deadline: .seconds(5)).status(request)
            var found = status.status.conditions.map { condition in
                Finding(
                    name: condition.type, verdict: condition.status ? .ok : .limited,
                    detail: condition.message.isEmpty ? "the daemon says so" : condition.message)
            }
            if let text = status.info["config"] { found += SnapshotterFindings.of(text) }
            return found
        } catch {
            return [
                Finding(
                    name: "daemon", verdict: .limited, detail: "none answers on \(global.runDirectory)/runtime.sock",
                    fix: "start one: swiftletd --run \(global.runDirectory)")
            ]
        }
    }
}
