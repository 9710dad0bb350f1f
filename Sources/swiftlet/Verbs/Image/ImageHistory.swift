import ArgumentParser
import Errors
import JSON

struct ImageHistory: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show the steps that made an image, the last one first.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: OutputOptions

    @Argument(help: "A name, id or digest.")
    var image: String

    @Flag(name: .customLong("no-trunc"), help: "Print whole commands and digests.")
    var whole = false

    func run() throws {
        let result = try ImageClient(runDirectory: global.runDirectory).call("ImageHistory", ["image": .string(image)])
        let steps = result["steps"]?.array ?? []
        switch format.output {
        case .json?: try Console.line(JSONValue.array(steps).text(indent: 2))
        case .yaml?: try Console.write(JSONValue.array(steps).yaml())
        case .name?:
            for step in steps { if let layer = step["layer"]?.string { try Console.line("layer/\(layer)") } }
        default: try table(steps)
        }
    }

    private func table(_ steps: [JSONValue]) throws {
        var table = TextTable(header: ["LAYER", "CREATED", "CREATED BY", "SIZE", "COMMENT"])
        for step in steps {
            let layer = step["layer"]?.string
            let command = step["createdBy"]?.string ?? ""
            table.rows.append([
                layer.map { whole ? $0 : ImageWords.short($0) } ?? "<none>", ImageWords.age(step["created"]),
                whole || command.count <= 60 ? command : command.prefix(59) + "…",
                ImageWords.size(step["size"]?.int ?? 0), step["comment"]?.string ?? "",
            ])
        }
        try Console.write(table.text())
    }
}
