import ArgumentParser
import Errors
import Glibc
import JSON

struct ImagePrune: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "Remove the images that nothing uses.",
        discussion: "Without --all only those that have no name (any more). Images of containers and mounts stay.")

    @OptionGroup var global: GlobalOptions

    @Flag(name: [.short, .long], help: "Also images with a name that no container uses.")
    var all = false

    @Flag(name: [.short, .long], help: "Do not ask.")
    var force = false

    func run() throws {
        guard try force || confirmed() else { return }
        let result = try ImageClient(runDirectory: global.runDirectory).call("PruneImages", ["all": .bool(all)])
        try ImageRemove.report(result)
        try Console.line("Total reclaimed space: \(ImageWords.size(result["bytes"]?.int ?? 0))")
    }

    private func confirmed() throws -> Bool {
        guard Console.isTerminal(STDIN_FILENO) else {
            throw SwiftletError.invalid("standard input is no terminal to ask at", hint: "add --force")
        }
        let what = all ? "all images that no container uses" : "all images without a name"
        try Console.write("This removes \(what). Go on? [y/N] ")
        return ["y", "yes"].contains(readLine()?.lowercased())
    }
}
