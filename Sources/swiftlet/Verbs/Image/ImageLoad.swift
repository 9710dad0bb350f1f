import ArgumentParser
import Errors
import Glibc
import JSON
import LinuxSystem

struct ImageLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Load an image archive (OCI or Docker), or an OCI layout's folder, into the store.",
        discussion: """
            Archives and layers may be plain or compressed with gzip, zstd, xz or bzip2.

            Examples:
              swiftlet image load busybox.tar
              docker save web | swiftlet image load -
              swiftlet image load layout/ --name web:2
              swiftlet image load multi.tar --all-platforms
            """)

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The archive, a folder with an OCI layout, or - for standard input.", completion: .file())
    var file: String

    @OptionGroup var platforms: PlatformOptions

    @Option(help: ArgumentHelp("Name the image so instead of as the archive says.", valueName: "image"))
    var name: String?

    @Flag(name: [.short, .long], help: "Print only the ids.")
    var quiet = false

    func run() throws {
        if file == "-", Console.isTerminal(STDIN_FILENO) {
            throw SwiftletError.invalid("standard input is a terminal", hint: "pipe an archive in, or name a file")
        }
        let archive = try open()
        var parameters = platforms.parameters
        if let name { parameters["name"] = .string(name) }
        var line = ProgressLine(quiet: quiet)
        let what = file == "-" ? "standard input" : printable(file, limit: 40)
        let outcome = Result { () throws(SwiftletError) in
            try ImageClient(runDirectory: global.runDirectory).call("LoadImage", parameters, file: archive.raw) {
                line.show("\(what): \(Self.text($0))")
            }
        }
        line.clear()
        try report(try outcome.get()["images"]?.array ?? [])
    }

    private func open() throws(SwiftletError) -> OwnedDescriptor {
        if file == "-" { return OwnedDescriptor(owning: try check(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0), "dup")) }
        return try openFile(file, O_RDONLY)
    }

    /// `reading 12.3 MB of 50.0 MB [#####....................] 24%`.
    private static func text(_ progress: JSONValue) -> String {
        let bytes = progress["bytes"]?.int ?? 0
        var text = "\(progress["phase"]?.string ?? "reading") \(ProgressLine.megabytes(bytes))"
        if let total = progress["total"]?.int, total > 0 {
            let share = min(100, bytes * 100 / total)
            let bar = String(repeating: "#", count: Int(share / 4))
            text +=
                " of \(ProgressLine.megabytes(total)) [\(bar)\(String(repeating: ".", count: 25 - bar.count))] \(share)%"
        }
        return text
    }

    private func report(_ images: [JSONValue]) throws {
        for image in images {
            let id = image["id"]?.string ?? ""
            let names = (image["names"]?.array ?? []).compactMap(\.string)
            if quiet || names.isEmpty { try Console.line(quiet ? id : "Loaded image: \(id)") }
            let platform = platforms.allPlatforms ? " (\(image["platform"]?.string ?? ""))" : ""
            if !quiet { for name in names { try Console.line("Loaded image: \(printable(name + platform))") } }
        }
    }
}

extension PlatformOptions {
    var parameters: JSONValue {
        var parameters: JSONValue = [:]
        if let platform { parameters["platform"] = .string(platform) }
        if allPlatforms { parameters["allPlatforms"] = true }
        return parameters
    }
}
