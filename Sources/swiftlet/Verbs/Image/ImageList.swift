import ArgumentParser
import Errors
import JSON

struct ImageList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List the images in the store.",
        discussion: """
            Filters: dangling=true|false (without a name), label=KEY or label=KEY=VALUE, reference=TEXT (in the name).

            Examples:
              swiftlet image ls -o wide
              swiftlet image ls --filter dangling=true -q
              swiftlet image ls --filter label=team=web
            """, aliases: ["list"])

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: OutputOptions

    @Option(
        name: [.short, .long], help: ArgumentHelp("Only images that fit; several must all.", valueName: "key=value"))
    var filter: [ImageFilter] = []

    @Flag(name: [.short, .long], help: "Print only the ids.")
    var quiet = false

    @Flag(name: .customLong("no-trunc"), help: "Print whole ids.")
    var whole = false

    func run() throws {
        let all = try ImageClient(runDirectory: global.runDirectory).call("ListImages")["images"]?.array ?? []
        let images = all.filter { image in filter.allSatisfy { $0.takes(image) } }
        if quiet {
            for image in images { try Console.line(id(image)) }
            return
        }
        switch format.output {
        case .json?: try Console.line(JSONValue.array(images).text(indent: 2))
        case .yaml?: try Console.write(JSONValue.array(images).yaml())
        case .name?: for image in images { try Console.line("image/\(printable(names(image).first ?? id(image)))") }
        default: try table(images)
        }
    }

    private func id(_ image: JSONValue) -> String {
        let id = image["id"]?.string ?? ""
        return whole ? id : ImageWords.short(id)
    }

    private func names(_ image: JSONValue) -> [String] { (image["names"]?.array ?? []).compactMap(\.string) }

    private func table(_ images: [JSONValue]) throws {
        let wide = format.output == .wide
        var table = TextTable(
            header: ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]
                + (wide ? ["UNPACKED", "PLATFORM", "USED BY", "DIGEST", "LABELS"] : []))
        for image in images {
            for name in names(image).isEmpty ? ["<none>:<none>"] : names(image) {
                let (repository, tag) = ImageWords.split(name)
                let row = [
                    repository, tag, id(image), ImageWords.age(image["created"]),
                    ImageWords.size(image["size"]?.int ?? 0),
                ]
                table.rows.append(row + (wide ? more(image) : []))
            }
        }
        try Console.write(table.text())
    }

    private func more(_ image: JSONValue) -> [String] {
        let labels = (image["labels"]?.object ?? [:]).sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value.string ?? "")" }
        let digest = image["digest"]?.string
        return [
            ImageWords.size(image["unpackedSize"]?.int ?? 0), image["platform"]?.string ?? "",
            "\(image["containers"]?.int ?? 0)", digest.map { whole ? $0 : ImageWords.short($0) } ?? "<none>",
            labels.isEmpty ? "<none>" : labels.joined(separator: ","),
        ]
    }
}

/// One condition of `image ls --filter`.
enum ImageFilter: ExpressibleByArgument {
    case dangling(Bool)
    case label(key: String, value: String?)
    case reference(String)

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        switch parts[0] {
        case "dangling":
            guard let flag = Bool(parts[1]) else { return nil }
            self = .dangling(flag)
        case "label":
            let pair = parts[1].split(separator: "=", maxSplits: 1).map(String.init)
            self = .label(key: pair.first ?? "", value: pair.count == 2 ? pair[1] : nil)
        case "reference": self = .reference(parts[1])
        default: return nil
        }
    }

    func takes(_ image: JSONValue) -> Bool {
        let names = (image["names"]?.array ?? []).compactMap(\.string)
        switch self {
        case .dangling(let wanted): return names.isEmpty == wanted
        case .label(let key, let value):
            guard let label = image["labels"]?[key]?.string else { return false }
            return value == nil || label == value
        case .reference(let text): return names.contains { $0.contains(text) }
        }
    }
}
