import ArgumentParser
import Errors
import JSON

struct ImageRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove images.",
        discussion: """
            By a name only that name goes, and the image with its last one; by id or digest the image with all its names. \
            What containers still use goes with the last of them.
            """, aliases: ["remove"])

    @OptionGroup var global: GlobalOptions

    @Argument(help: "Names, ids or digests.")
    var images: [String]

    @Flag(name: [.short, .long], help: "An image that does not exist is no error.")
    var force = false

    func run() throws {
        var failed = false
        for name in images {
            do throws(SwiftletError) {
                let result = try ImageClient(runDirectory: global.runDirectory).call(
                    "RemoveImages", ["image": .string(name)])
                try ImageRemove.report(result)
            } catch {
                if force, error.code == .notFound { continue }
                Console.error("error: \(error)")
                failed = true
            }
        }
        if failed { throw ExitCode.failure }
    }

    static func report(_ result: JSONValue) throws(SwiftletError) {
        for name in (result["untagged"]?.array ?? []).compactMap(\.string) {
            try Console.line("Untagged: \(printable(name))")
        }
        for id in (result["deleted"]?.array ?? []).compactMap(\.string) { try Console.line("Deleted: \(id)") }
    }
}
