import ArgumentParser
import Errors
import Glibc

/// The command line: kubectl's verbs and words for the pods of one machine.
@main
struct Swiftlet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swiftlet",
        abstract: "Run Kubernetes pods on this machine.",
        discussion: """
            Talks to swiftletd through the sockets in its run folder (--run or SWIFTLET_RUN, default /run/swiftlet).

            A pod in three commands:
              swiftlet image load busybox.tar
              swiftlet run hello --image=busybox -- sh -c 'echo hello; sleep 1000'
              swiftlet logs hello
            """,
        groupedSubcommands: [
            CommandGroup(
                name: "Pods:",
                subcommands: [Run.self, Create.self, Apply.self, Patch.self, Get.self, Describe.self, Delete.self]),
            CommandGroup(
                name: "Inside pods:",
                subcommands: [Logs.self, Exec.self, Attach.self, PortForward.self, Top.self, Wait.self]),
            CommandGroup(name: "Images:", subcommands: [Image.self]),
            CommandGroup(
                name: "This machine:", subcommands: [Check.self, RPC.self, Version.self, Completion.self]),
        ])

    /// As `AsyncParsableCommand` does it, but a failed command prints one error and exits 1, and the exit status of a command
    /// that ran in a container is passed on.
    static func main() async {
        // A reader that went away (`swiftlet logs | head`) is a write error, not a death by signal without a word.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot(withBareFlags(withoutRunFolder(Array(CommandLine.arguments.dropFirst()))))
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let status as ExitCode {
            exit(withError: status)
        } catch let error as SwiftletError {
            if error.errno != EPIPE { Console.error(error.isFromServer ? "\(error)" : "error: \(error)") }
            Glibc.exit(1)
        } catch is CancellationError {
            Glibc.exit(130)
        } catch {
            exit(withError: error)
        }
    }
}

/// The arguments without a `--run DIR` before the verb, which holds for the verb as `SWIFTLET_RUN` would; behind the verb it is
/// an option of the verb.
func withoutRunFolder(_ arguments: [String]) -> [String] {
    var rest = arguments[...]
    if rest.first == "--run", rest.count > 2 {
        setenv("SWIFTLET_RUN", rest[1], 1)
        rest = rest.dropFirst(2)
    } else if let first = rest.first, first.hasPrefix("--run="), rest.count > 1 {
        setenv("SWIFTLET_RUN", String(first.dropFirst("--run=".count)), 1)
        rest = rest.dropFirst()
    }
    return Array(rest)
}

extension SwiftletError {
    var isFromServer: Bool { operation.hasPrefix("Error from server") }
}
