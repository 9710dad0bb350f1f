import Errors
import Glibc
import LinuxSystem

/// The records in `<root>/cni`, a file each, synced: plugins keep addresses on disk, and what a boot or a power cut leaves of
/// them is told to them afterwards.
struct PluginAttachmentStore: Sendable {
    let directory: String

    private static let ending = ".json"
    /// A configuration and a result, and what JSON needs more than they did.
    private static let sizeLimit = 16 << 20

    /// Makes the directory.
    init(directory: String) throws(SwiftletError) {
        self.directory = directory
        if mkdir(directory, 0o700) != 0, lastError() != EEXIST {
            throw systemError(lastError(), "make directory", directory)
        }
    }

    func write(_ attachment: PluginAttachment) throws(SwiftletError) {
        let path = path(attachment.sandboxID)
        let file = OwnedDescriptor(
            owning: try check(open(path + ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600), "create", path))
        try file.writeAll(attachment.serialized())
        try file.sync()
        try check(rename(path + ".new", path), "rename", path)
        let folder = try openFile(directory, O_RDONLY | O_DIRECTORY)
        try folder.sync()
    }

    /// One that is not there is fine.
    func remove(_ sandboxID: String) throws(SwiftletError) {
        let path = path(sandboxID)
        if unlink(path) != 0, lastError() != ENOENT { throw systemError(lastError(), "remove", path) }
    }

    struct Contents {
        var attachments: [PluginAttachment] = []
        /// Files that are no records, and why.
        var damaged: [(name: String, error: SwiftletError)] = []
    }

    func read() throws(SwiftletError) -> Contents {
        var contents = Contents()
        let folder = try openFile(directory, O_RDONLY | O_DIRECTORY)
        for name in try directoryEntries(folder.raw) where name.hasSuffix(PluginAttachmentStore.ending) {
            do throws(SwiftletError) {
                let file = try openFile("\(directory)/\(name)", O_RDONLY | O_NOFOLLOW)
                let attachment = try PluginAttachment(
                    parsing: try readAll(file.raw, limit: PluginAttachmentStore.sizeLimit, name: name))
                guard name == attachment.sandboxID + PluginAttachmentStore.ending else {
                    throw SwiftletError(.dataLoss, "it is of another sandbox", operation: "read record")
                }
                contents.attachments.append(attachment)
            } catch { contents.damaged.append((name, error)) }
        }
        return contents
    }

    /// Out of the way, and kept for somebody to look at: what plugins hold for it nobody else knows.
    func setAside(_ name: String) throws(SwiftletError) {
        let path = "\(directory)/\(name)"
        try check(rename(path, path + ".damaged"), "rename", path)
    }

    private func path(_ sandboxID: String) -> String { "\(directory)/\(sandboxID)\(PluginAttachmentStore.ending)" }
}
