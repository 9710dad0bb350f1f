import ArgumentParser
import Errors
import Glibc
import JSON
import LinuxSystem

struct ImageSave: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save", abstract: "Write images to an archive, each blob byte for byte as it came.",
        discussion: """
            Examples:
              swiftlet image save web:2 -o web.tar
              swiftlet image save web:2 db:1 --format docker | docker load
              swiftlet image save multi --all-platforms -o multi.tar
            """)

    @OptionGroup var global: GlobalOptions

    @Argument(help: "Names, ids or digests.")
    var images: [String]

    @Option(
        name: [.short, .long], help: ArgumentHelp("Write here instead of to standard output.", valueName: "file"),
        completion: .file())
    var output: String?

    @Option(
        help: "oci (an OCI layout) or docker (the same with docker's manifest.json).",
        completion: .list(["oci", "docker"]))
    var format = "oci"

    @OptionGroup var platforms: PlatformOptions

    @Flag(name: [.short, .long], help: "Show no progress.")
    var quiet = false

    func run() throws {
        guard let output else {
            if Console.isTerminal(STDOUT_FILENO) {
                throw SwiftletError.invalid(
                    "standard output is a terminal", hint: "choose a file with -o, or pipe it on")
            }
            return try save(to: OwnedDescriptor(owning: try check(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0), "dup")))
        }
        // Under another name until it is whole: a save that fails leaves what was there.
        let partial = "\(output).partial"
        do {
            try save(to: try create(partial))
            try check(rename(partial, output), "rename", partial)
        } catch {
            unlink(partial)
            throw error
        }
    }

    private func create(_ path: String) throws(SwiftletError) -> OwnedDescriptor {
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW
        return OwnedDescriptor(owning: try check(open(path, flags, 0o644), "create", path))
    }

    private func save(to file: consuming OwnedDescriptor) throws {
        var parameters = platforms.parameters
        parameters["images"] = .array(images.map { .string($0) })
        parameters["format"] = .string(format)
        var line = ProgressLine(quiet: quiet)
        let file = file
        let outcome = Result { () throws(SwiftletError) in
            try ImageClient(runDirectory: global.runDirectory).call("SaveImages", parameters, file: file.raw) {
                line.show("writing \(ProgressLine.megabytes($0["bytes"]?.int ?? 0))")
            }
        }
        line.clear()
        _ = try outcome.get()
    }
}
