import ArgumentParser
import Errors

struct Exec: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a command in a container.",
        discussion: """
            The command's exit status is passed on.

            Examples:
              swiftlet exec web -- ls /
              swiftlet exec -it web -c proxy -- sh
              tar c . | swiftlet exec -i web -- tar x -C /srv
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var streams: StreamOptions

    @Argument(help: "POD or pod/POD.")
    var pod: String

    @Argument(parsing: .postTerminator, help: "The command and its arguments, behind --.")
    var command: [String] = []

    mutating func run() async throws {
        guard !command.isEmpty else {
            throw SwiftletError.invalid(
                "you must specify at least one command for the container", hint: "put it behind --")
        }
        let code = try await streams.session(global, scope, pod).exec(command)
        if code != 0 {
            Console.error("command terminated with exit code \(code)")
            throw ExitCode(code)
        }
    }
}

struct Attach: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Join a running container's standard streams.",
        discussion: """
            What it wrote before is not shown: see `swiftlet logs`.

            Examples:
              swiftlet attach web
              swiftlet attach -it shell
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var scope: NamespaceOptions
    @OptionGroup var streams: StreamOptions

    @Argument(help: "POD or pod/POD.")
    var pod: String

    mutating func run() async throws {
        let code = try await streams.session(global, scope, pod).attach()
        if code != 0 { throw ExitCode(code) }
    }
}

struct StreamOptions: ParsableArguments {
    @Flag(name: [.customShort("i"), .long], help: "Pass standard input on.")
    var stdin = false

    @Flag(name: [.customShort("t"), .long], help: "Standard input is a terminal.")
    var tty = false

    @Option(name: [.short, .long], help: "Which container. Default: the first, or the annotated default.")
    var container: String?

    func session(_ global: GlobalOptions, _ scope: NamespaceOptions, _ pod: String) async throws -> PodSession {
        let name = pod.split(separator: "/").last.map(String.init) ?? pod
        var chosen = container
        if chosen == nil {
            chosen = try await DefaultContainer.choose(api: global.api, namespace: scope.namespace, pod: name)
        }
        return PodSession(
            api: global.api, socketPath: global.apiSocket, namespace: scope.namespace, pod: name, container: chosen,
            input: stdin, terminal: tty)
    }
}
