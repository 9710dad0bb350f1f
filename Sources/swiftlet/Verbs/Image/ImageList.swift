import ArgumentParser
import CRI
import Errors
import JSON
import KubeAPI
import LinuxSystem

struct ImageList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List the images in the store.", aliases: ["list"])

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: OutputOptions

    @Flag(name: [.short, .long], help: "Print only the ids.")
    var quiet = false

    @Flag(name: .customLong("no-trunc"), help: "Print whole ids.")
    var whole = false

    mutating func run() async throws {
        let images = try await global.runtime.listImages(CRIListImagesRequest()).images
        if quiet {
            for image in images { try Console.line(whole ? image.id : ImageList.short(image.id)) }
            return
        }
        switch format.output {
        case .json?, .yaml?:
            let result = try await global.runtime.call(method: "ListImages", params: [:])
            let list = result["images"] ?? []
            try Console.write(format.output == .yaml ? list.yaml() : list.text(indent: 2) + "\n")
        case .name?: for image in images { try Console.line("image/\(printable(image.repoTags.first ?? image.id))") }
        default: try table(images)
        }
    }

    private func table(_ images: [CRIImage]) throws {
        let wide = format.output == .wide
        var table = TextTable(header: ["REPOSITORY", "TAG", "IMAGE ID", "SIZE"] + (wide ? ["DIGEST"] : []))
        for image in images {
            let id = whole ? image.id : ImageList.short(image.id)
            let digest = image.repoDigests.first.flatMap { $0.split(separator: "@").last.map(String.init) } ?? "<none>"
            for name in image.repoTags.isEmpty ? ["<none>:<none>"] : image.repoTags {
                let (repository, tag) = ImageList.split(name)
                table.rows.append([repository, tag, id, ImageList.size(image.size)] + (wide ? [digest] : []))
            }
        }
        try Console.write(table.text())
    }

    static func short(_ id: String) -> String { String((id.split(separator: ":").last ?? "").prefix(12)) }

    /// A registry may have a port: the tag's colon is the one behind the last slash.
    static func split(_ name: String) -> (repository: String, tag: String) {
        guard let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") else { return (name, "latest") }
        return (String(name[..<colon]), String(name[name.index(after: colon)...]))
    }

    /// Decimal, three digits, as Docker prints sizes.
    static func size(_ bytes: UInt64) -> String {
        var value = Double(bytes)
        var unit = 0
        let units = ["B", "kB", "MB", "GB", "TB"]
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        let rounded = value >= 100 || unit == 0 ? value.rounded() : (value * 10).rounded() / 10
        return (rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)") + units[unit]
    }
}
