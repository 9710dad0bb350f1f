import ArgumentParser

struct Image: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Load, save, list, name, pin, check, mount and remove images.",
        subcommands: [
            ImageLoad.self, ImageSave.self, ImageList.self, ImageInspect.self, ImageHistory.self, ImageTag.self,
            ImagePin.self, ImageUnpin.self, ImageRemove.self, ImagePrune.self, ImageVerify.self, ImageMount.self,
            ImageUnmount.self,
        ])
}

/// Which platform's image of a name that stands for several.
struct PlatformOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Choose this platform: linux/arm64. Default: this machine's.", valueName: "os/arch"))
    var platform: String?

    @Flag(name: .customLong("all-platforms"), help: "Take the images of all platforms.")
    var allPlatforms = false

    func validate() throws {
        if platform != nil, allPlatforms { throw ValidationError("--platform and --all-platforms exclude each other") }
    }
}
