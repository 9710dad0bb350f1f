import Errors

/// A container's argument vector from its configuration and its image (CRI `ContainerConfig.command`, `args`).
enum CommandLine {
    /// `command` replaces the image's entrypoint and with it the image's own arguments; `args` replace those arguments.
    static func join(
        command: [String], args: [String], entrypoint: [String], imageArguments: [String]
    ) throws(SwiftletError) -> [String] {
        let joined: [String]
        if !command.isEmpty {
            joined = command + args
        } else {
            joined = entrypoint + (args.isEmpty ? imageArguments : args)
        }
        guard let program = joined.first, !program.isEmpty else {
            throw .invalid(
                "there is no command to run: neither the container nor its image names one",
                hint: "set command (or args), or use an image with an entrypoint")
        }
        for argument in joined where argument.utf8.contains(0) {
            throw .invalid("argument \"\(printable(argument, limit: 64))\" holds a zero byte")
        }
        return joined
    }
}
