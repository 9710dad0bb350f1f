import ArgumentParser
import CRI
import Errors
import JSON

struct ImageInspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show all that is known of images, as JSON.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: OutputOptions

    @Argument(help: "Names, ids or digests.")
    var images: [String]

    mutating func run() async throws {
        var documents: [JSONValue] = []
        for name in images {
            let answer = try await global.runtime.call(
                method: "ImageStatus", params: ["image": ["image": .string(name)], "verbose": true])
            guard var document = answer["image"], !document.isNull else {
                throw SwiftletError.notFound("image", name, hint: "see: swiftlet image ls")
            }
            // The verbose part is JSON in strings (CRI's `info`).
            for (key, text) in answer["info"]?.object ?? [:] {
                document[key] = try text.string.map { try JSONValue.parse($0) }
            }
            documents.append(document)
        }
        let all = JSONValue.array(documents)
        try Console.write(format.output == .yaml ? all.yaml() : all.text(indent: 2) + "\n")
    }
}
