import ArgumentParser
import CRI
import Errors

struct ImageRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove images. What containers still use goes with the last of them.",
        aliases: ["remove"])

    @OptionGroup var global: GlobalOptions

    @Argument(help: "Names, ids or digests.")
    var images: [String]

    @Flag(name: [.short, .long], help: "An image that does not exist is no error.")
    var force = false

    mutating func run() async throws {
        var failed = false
        for name in images {
            var spec = CRIImageSpec()
            spec.image = name
            var status = CRIImageStatusRequest()
            status.image = spec
            guard try await global.runtime.imageStatus(status).hasImage else {
                if force { continue }
                Console.error("error: \(SwiftletError.notFound("image", name, hint: "see: swiftlet image ls"))")
                failed = true
                continue
            }
            var request = CRIRemoveImageRequest()
            request.image = spec
            _ = try await global.runtime.removeImage(request)
            try Console.line("Removed: \(printable(name))")
        }
        if failed { throw ExitCode.failure }
    }
}
