import ArgumentParser
import Errors
import JSON

struct ImageVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check that the store holds what images are.",
        discussion: """
            Hashes every blob, unpacks every layer once more and compares it, file by file, with the tree that containers \
            get. Without names all images. Exits 1 when anything is wrong.
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: OutputOptions

    @Argument(help: "Names, ids or digests.")
    var images: [String] = []

    func run() throws {
        var line = ProgressLine()
        let outcome = Result { () throws(SwiftletError) in
            try ImageClient(runDirectory: global.runDirectory).call(
                "VerifyImages", ["images": .array(images.map { .string($0) })]
            ) {
                line.show(
                    "verifying \(printable($0["image"]?.string ?? "", limit: 60)): layer \($0["layers"]?.int ?? 0) of "
                        + "\($0["layersTotal"]?.int ?? 0)")
            }
        }
        line.clear()
        let results = try outcome.get()["images"]?.array ?? []
        switch format.output {
        case .json?: try Console.line(JSONValue.array(results).text(indent: 2))
        case .yaml?: try Console.write(JSONValue.array(results).yaml())
        default: try text(results)
        }
        if results.contains(where: { $0["faults"]?.array?.isEmpty == false }) { throw ExitCode.failure }
    }

    private func text(_ results: [JSONValue]) throws {
        for result in results {
            let name = printable(result["name"]?.string ?? "")
            let faults = (result["faults"]?.array ?? []).compactMap(\.string)
            try Console.line(faults.isEmpty ? "\(name): ok" : "\(name): \(faults.count) faults")
            for fault in faults { try Console.line("  \(printable(fault, limit: 4096))") }
            if !faults.isEmpty { try Console.line("  remove the image and load it again: swiftlet image rm \(name)") }
        }
    }
}
