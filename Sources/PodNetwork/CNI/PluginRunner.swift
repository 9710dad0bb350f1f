import Errors
import Glibc
import JSON
import LinuxSystem

/// Finds plugins' programs and runs them as the specification says: parameters in the environment, the configuration on
/// standard input, the answer on standard output.
struct PluginRunner: Sendable {
    /// Searched in this order.
    let folders: [String]
    let timeLimit: Duration

    enum Command: String, Sendable {
        case add = "ADD"
        case delete = "DEL"
        case check = "CHECK"
        case collect = "GC"
        case status = "STATUS"
        case version = "VERSION"
    }

    /// Whose interface it is about.
    struct Target: Sendable {
        var sandboxID: String
        /// Empty when it is gone.
        var namespace: String
        var interface: String
        var arguments: String
        /// Of a `PluginTurn`.
        var turn: Int32?
    }

    /// Enough for what plugins call themselves: ip, iptables, nft.
    private static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Errors: `failedPrecondition` that names the plugin and the folders.
    func program(_ type: String) throws(SwiftletError) -> String {
        for folder in folders {
            var info = stat()
            let path = "\(folder)/\(type)"
            if stat(path, &info) == 0, info.st_mode & S_IFMT == S_IFREG, access(path, X_OK) == 0 { return path }
        }
        throw SwiftletError(
            .failedPrecondition, "there is no such program in \(folders.joined(separator: ":"))",
            object: "plugin \(printable(type))", hint: "install it, or name its folder with --cni-bin-dir")
    }

    /// What the plugin printed. Errors name the command, the plugin and the network, and say what the plugin said.
    func run(
        _ command: Command, _ type: String, of network: String, _ target: Target?, input: JSONValue
    ) throws(SwiftletError) -> [UInt8] {
        do throws(SwiftletError) {
            let process = PluginProcess(
                path: try program(type), environment: environment(command, target), input: input.serialized(),
                timeLimit: timeLimit, turn: target?.turn)
            let outcome = try process.run()
            guard outcome.end == .exited(ProcessExit(code: 0, signal: 0)) else { throw failure(outcome) }
            return outcome.output
        } catch { throw PluginRunner.explain(error, command, type, of: network) }
    }

    static func explain(
        _ error: SwiftletError, _ command: Command, _ type: String, of network: String
    ) -> SwiftletError {
        error.during("CNI \(command.rawValue) by plugin \(printable(type)) of network \(network)")
    }

    private func environment(_ command: Command, _ target: Target?) -> [String] {
        var variables = [
            "PATH=\(PluginRunner.path)", "CNI_COMMAND=\(command.rawValue)",
            "CNI_PATH=\(folders.joined(separator: ":"))",
        ]
        if let target {
            variables += [
                "CNI_CONTAINERID=\(target.sandboxID)", "CNI_NETNS=\(target.namespace)",
                "CNI_IFNAME=\(target.interface)", "CNI_ARGS=\(target.arguments)",
            ]
        }
        return variables
    }

    private func failure(_ outcome: PluginProcess.Outcome) -> SwiftletError {
        let said = PluginRunner.words(outcome.messages).map { "; it wrote: \($0)" } ?? ""
        switch outcome.end {
        case .timedOut:
            return SwiftletError(
                .deadlineExceeded, "it had not ended after \(timeLimit.components.seconds) s and was killed\(said)")
        case .printedTooMuch:
            return SwiftletError(
                .resourceExhausted, "it printed more than \(PluginProcess.outputLimit) bytes and was killed\(said)")
        case .exited(let exit):
            let how = exit.signal == 0 ? "exit status \(exit.code)" : "signal \(exit.signal)"
            return PluginRunner.ownError(outcome.output, how)
                ?? SwiftletError(
                    .failedPrecondition,
                    "it ended with \(how)\(PluginRunner.words(outcome.output).map { " and printed: \($0)" } ?? "")\(said)"
                )
        }
    }

    /// Errors as the specification has them.
    private static func ownError(_ output: [UInt8], _ how: String) -> SwiftletError? {
        guard let value = try? JSONValue.parse(output, maxDepth: 32, maxValues: 1000),
            let message = value["msg"]?.string, let code = value["code"]?.int
        else { return nil }
        let details = value["details"]?.string ?? ""
        // Not now: 11 asks to try again, 50 and 51 are STATUS's.
        let isPassing = [11, 50, 51].contains(code)
        return SwiftletError(
            isPassing ? .unavailable : .failedPrecondition,
            printable(message, limit: 1000) + (details.isEmpty ? "" : ": \(printable(details, limit: 1000))")
                + " (code \(code))")
    }

    /// The beginning and the end of what a plugin wrote, for a message; nil for nothing.
    private static func words(_ bytes: [UInt8]) -> String? {
        let parts = bytes.count <= 600 ? [bytes[...]] : [bytes.prefix(250), Array(" … ".utf8)[...], bytes.suffix(300)]
        let text = String(decoding: parts.joined(), as: UTF8.self).split(whereSeparator: \.isNewline)
        return text.isEmpty ? nil : printable(text.joined(separator: " | "), limit: 600)
    }
}
