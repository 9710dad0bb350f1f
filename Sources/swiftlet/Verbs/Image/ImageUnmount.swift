import ArgumentParser
import Errors
import Glibc
import JSON
import LinuxSystem

struct ImageUnmount: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "umount", abstract: "Unmount images that `image mount` mounted.", aliases: ["unmount"])

    @OptionGroup var global: GlobalOptions

    @Argument(help: "Names, ids, or the folders they are mounted on.")
    var images: [String] = []

    @Flag(name: [.short, .long], help: "Unmount all.")
    var all = false

    func validate() throws {
        if images.isEmpty != all { throw ValidationError("Name images or folders, or give --all.") }
    }

    func run() throws {
        let client = ImageClient(runDirectory: global.runDirectory)
        let mounts = try client.call("ListMounts")["mounts"]?.array ?? []
        if all { for mount in mounts { try unmount(mount, client) } }
        for word in images {
            let meant = mounts.filter { Self.means(word, $0) }
            guard !meant.isEmpty else {
                throw SwiftletError(
                    .notFound, "is not mounted", object: "image \(printable(word))", hint: "see: swiftlet image mount")
            }
            for mount in meant { try unmount(mount, client) }
        }
    }

    /// The name it was mounted by, its id or the start of it, or the folder.
    private static func means(_ word: String, _ mount: JSONValue) -> Bool {
        let id = mount["image"]?.string ?? ""
        let hex = id.split(separator: ":").last ?? ""
        if mount["name"]?.string == word || id == word || (word.count >= 4 && hex.hasPrefix(word)) { return true }
        guard let real = realpath(word, nil) else { return mount["target"]?.string == word }
        defer { free(real) }
        return mount["target"]?.string == String(cString: real)
    }

    private func unmount(_ mount: JSONValue, _ client: ImageClient) throws(SwiftletError) {
        let target = mount["target"]?.string ?? ""
        // EINVAL, ENOENT: somebody unmounted it by other means.
        if umount2(target, Int32(UMOUNT_NOFOLLOW)) != 0, errno != EINVAL, errno != ENOENT {
            throw systemError(errno, "unmount", target)
        }
        _ = try client.call("ReleaseMount", ["mount": mount["mount"] ?? .null])
        // A folder of the run folder was made for it.
        if target.hasPrefix("\(global.runDirectory)/mounts/") { rmdir(target) }
        try Console.line(printable(target))
    }
}
