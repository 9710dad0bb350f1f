import APIClient
import ArgumentParser
import Errors
import JSON

struct Version: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the versions of this command and of the daemon.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: OutputOptions

    @Flag(name: .long, help: "Only this command's; the daemon is not asked.")
    var client = false

    mutating func run() async throws {
        var document: JSONValue = ["clientVersion": ["gitVersion": .string(swiftletVersion)]]
        if !client { document["serverVersion"] = try await global.api.send(.init(.GET, "/version")).json() }
        switch format.output {
        case .json?: try Console.write(document.text(indent: 2) + "\n")
        case .yaml?: try Console.write(document.yaml())
        default:
            try Console.line("Client Version: \(swiftletVersion)")
            if let server = document[path: "serverVersion", "gitVersion"]?.string {
                try Console.line("Server Version: \(printable(server))")
            }
        }
    }
}
