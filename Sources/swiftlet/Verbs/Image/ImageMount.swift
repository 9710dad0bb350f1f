import ArgumentParser
import Errors
import Glibc
import JSON
import LinuxSystem

/// The mount is made here, in the caller's mount namespace; the daemon keeps the image's files for as long.
struct ImageMount: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount", abstract: "Mount an image read-only for looking inside, or list what is mounted.",
        discussion: """
            Examples:
              ls "$(swiftlet image mount web:2)"/etc
              swiftlet image mount web:2 /mnt
              swiftlet image mount
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var format: OutputOptions

    @Argument(help: "A name, id or digest.")
    var image: String?

    @Argument(help: "The folder to mount on. Default: a new one in the run folder.", completion: .directory)
    var folder: String?

    func run() throws {
        let client = ImageClient(runDirectory: global.runDirectory)
        guard let image else { return try list(client) }
        let target = try folder.map { try Self.realPath($0) } ?? newFolder()
        do {
            try mount(image, target, client)
        } catch {
            if folder == nil { rmdir(target) }
            throw error
        }
        try Console.line(target)
    }

    private static func realPath(_ path: String) throws(SwiftletError) -> String {
        guard let real = realpath(path, nil) else { throw systemError(errno, "open", path) }
        defer { free(real) }
        return String(cString: real)
    }

    private func newFolder() throws(SwiftletError) -> String {
        let parent = "\(try Self.realPath(global.runDirectory))/mounts"
        if mkdir(parent, 0o700) != 0, errno != EEXIST { throw systemError(errno, "make directory", parent) }
        var template = Array("\(parent)/XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw systemError(errno, "make directory in", parent) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func mount(_ image: String, _ target: String, _ client: ImageClient) throws(SwiftletError) {
        let answer = try client.call("MountImage", ["image": .string(image), "target": .string(target)])
        do throws(SwiftletError) {
            try Self.mount(answer, onto: target)
        } catch {
            _ = try client.call("ReleaseMount", ["mount": answer["mount"] ?? .null])
            throw error.during("mount image", printable(image))
        }
    }

    private static func mount(_ answer: JSONValue, onto target: String) throws(SwiftletError) {
        guard let directory = answer["directory"]?.string else {
            throw SwiftletError(.internal, "the daemon does not say what to mount")
        }
        let flags = UInt(MS_RDONLY | MS_NODEV | MS_NOSUID)
        guard answer["type"]?.string == "overlay" else {
            try check(Glibc.mount(directory, target, nil, UInt(MS_BIND), nil), "mount on", target)
            try check(
                Glibc.mount(nil, target, nil, UInt(MS_BIND | MS_REMOUNT) | flags, nil), "make read-only", target)
            return
        }
        // The names of the layers are relative to it.
        try check(chdir(directory), "open", directory)
        try check(Glibc.mount("overlay", target, "overlay", flags, answer["options"]?.string ?? ""), "mount on", target)
    }

    private func list(_ client: ImageClient) throws {
        let mounts = try client.call("ListMounts")["mounts"]?.array ?? []
        switch format.output {
        case .json?: try Console.line(JSONValue.array(mounts).text(indent: 2))
        case .yaml?: try Console.write(JSONValue.array(mounts).yaml())
        case .name?: for mount in mounts { try Console.line("image/\(printable(mount["name"]?.string ?? ""))") }
        default:
            var table = TextTable(header: ["IMAGE", "IMAGE ID", "MOUNTED ON"])
            for mount in mounts {
                table.rows.append([
                    mount["name"]?.string ?? "", ImageWords.short(mount["image"]?.string ?? ""),
                    mount["target"]?.string ?? "",
                ])
            }
            try Console.write(table.text())
        }
    }
}
