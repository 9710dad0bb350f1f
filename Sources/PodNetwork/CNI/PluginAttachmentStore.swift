import Errors

/// The records in `<root>/cni`, a file each, synced: plugins keep addresses on disk, and what a boot or a power cut leaves of
/// them is told to them afterwards.
struct PluginAttachmentStore: Sendable {
    private let folder: RecordFolder

    private static let ending = ".json"
    /// A configuration and a result, and what JSON needs more than they did.
    private static let sizeLimit = 16 << 20

    /// Makes the directory.
    init(directory: String) throws(SwiftletError) { folder = try RecordFolder(path: directory) }

    func write(_ attachment: PluginAttachment) throws(SwiftletError) {
        try folder.replace(name(attachment.sandboxID), attachment.serialized(), durably: true)
    }

    /// One that is not there is fine.
    func remove(_ sandboxID: String) throws(SwiftletError) { try folder.remove(name(sandboxID)) }

    struct Contents {
        var attachments: [PluginAttachment] = []
        /// Files that are no records, and why.
        var damaged: [(name: String, error: SwiftletError)] = []
    }

    /// At start, before anything is written.
    func read() throws(SwiftletError) -> Contents {
        var contents = Contents()
        for name in try folder.namesAfterStart() where name.hasSuffix(PluginAttachmentStore.ending) {
            do throws(SwiftletError) {
                let attachment = try PluginAttachment(
                    parsing: try folder.read(name, limit: PluginAttachmentStore.sizeLimit))
                guard name == self.name(attachment.sandboxID) else {
                    throw SwiftletError(.dataLoss, "it is of another sandbox", operation: "read record")
                }
                contents.attachments.append(attachment)
            } catch { contents.damaged.append((name, error)) }
        }
        return contents
    }

    /// Out of the way, and kept for somebody to look at: what plugins hold for it nobody else knows.
    func setAside(_ name: String) throws(SwiftletError) { try folder.rename(name, to: name + ".damaged") }

    private func name(_ sandboxID: String) -> String { sandboxID + PluginAttachmentStore.ending }
}
