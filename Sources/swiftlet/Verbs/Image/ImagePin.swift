import ArgumentParser
import Errors
import JSON

struct ImagePin: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin", abstract: "Keep images, whether anything uses them or not.",
        discussion: """
            The daemon removes unused images when the disk fills up, and prune does when asked; not those that are pinned.
            Images of --images are.

            Example:
              swiftlet image pin web:2 db:1
            """)

    @OptionGroup var global: GlobalOptions

    @Argument(help: "Names, ids or digests.")
    var images: [String]

    func run() throws { try pin(images, true, global) }
}

struct ImageUnpin: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpin", abstract: "Let images go again when nothing uses them.")

    @OptionGroup var global: GlobalOptions

    @Argument(help: "Names, ids or digests.")
    var images: [String]

    func run() throws { try pin(images, false, global) }
}

private func pin(_ images: [String], _ isPinned: Bool, _ global: GlobalOptions) throws {
    let client = ImageClient(runDirectory: global.runDirectory)
    for image in images { _ = try client.call("PinImage", ["image": .string(image), "pinned": .bool(isPinned)]) }
}
