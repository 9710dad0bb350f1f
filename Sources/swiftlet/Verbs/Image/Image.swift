import ArgumentParser

struct Image: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Load, list, inspect and remove images.",
        subcommands: [ImageLoad.self, ImageList.self, ImageInspect.self, ImageRemove.self])
}
