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
            let meant = try self.meant(by: word, mounts, client)
            guard !meant.isEmpty else {
                throw SwiftletError(
                    .notFound, "is not mounted", object: "image \(printable(word))", hint: "see: swiftlet image mount")
            }
            for mount in meant { try unmount(mount, client) }
        }
    }

    /// A folder's mount, or all of an image's.
    private func meant(by word: String, _ mounts: [JSONValue], _ client: ImageClient) throws(SwiftletError)
        -> [JSONValue]
    {
        if word.hasPrefix("/") || word.hasPrefix(".") {
            guard let real = realpath(word, nil) else { return mounts.filter { $0["target"]?.string == word } }
            defer { free(real) }
            let target = String(cString: real)
            return mounts.filter { $0["target"]?.string == target }
        }
        let id: String?
        do throws(SwiftletError) {
            id = try client.call("ImageHistory", ["image": .string(word)])["id"]?.string
        } catch {
            // An image that was removed meanwhile is still mounted, and known by its id.
            guard error.code == .notFound else { throw error }
            id = nil
        }
        return mounts.filter { mount in
            let image = mount["image"]?.string ?? ""
            return image == id || image == word || (word.count >= 4 && image.hasPrefix("sha256:\(word)"))
        }
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
