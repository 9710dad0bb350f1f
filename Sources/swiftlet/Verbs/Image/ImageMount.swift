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
        let answer = try client.callForFile("MountImage", ["image": .string(image), "target": .string(target)])
        let id = answer.result["mount"] ?? .null
        do throws(SwiftletError) {
            switch answer.takeFile() {
            case .some(let file):
                let folder = try openDirectory(target)
                try DetachedMount(owning: file).attach(onto: folder.raw, name: target)
            case .none: throw SwiftletError(.internal, "the daemon sent no mount")
            }
        } catch {
            _ = try client.call("ReleaseMount", ["mount": id])
            throw error.during("mount image", printable(image))
        }
    }

    private static func name(_ mount: JSONValue) -> String {
        mount["names"]?.array?.first?.string ?? mount["image"]?.string ?? ""
    }

    private func list(_ client: ImageClient) throws {
        let mounts = try client.call("ListMounts")["mounts"]?.array ?? []
        switch format.output {
        case .json?: try Console.line(JSONValue.array(mounts).text(indent: 2))
        case .yaml?: try Console.write(JSONValue.array(mounts).yaml())
        case .name?: for mount in mounts { try Console.line("image/\(printable(Self.name(mount)))") }
        default:
            var table = TextTable(header: ["IMAGE", "IMAGE ID", "MOUNTED ON"])
            for mount in mounts {
                table.rows.append([
                    Self.name(mount), ImageWords.short(mount["image"]?.string ?? ""),
                    mount["target"]?.string ?? "",
                ])
            }
            try Console.write(table.text())
        }
    }
}
