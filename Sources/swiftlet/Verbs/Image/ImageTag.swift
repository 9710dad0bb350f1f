import ArgumentParser
import Errors
import JSON

struct ImageTag: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tag", abstract: "Give an image a further name.",
        discussion:
            "Another image that has the name loses it.\n\nExample:\n  swiftlet image tag web:2 registry.example/web:latest"
    )

    @OptionGroup var global: GlobalOptions

    @Argument(help: "A name, id or digest.")
    var source: String

    @Argument(help: "The new name.")
    var target: String

    func run() throws {
        _ = try ImageClient(runDirectory: global.runDirectory).call(
            "TagImage", ["source": .string(source), "target": .string(target)])
    }
}
