import Errors
import Glibc
import ImageStore
import LinuxSystem
import Logging

/// The image archives of a folder (`--images`), loaded one after the other and pinned.
struct PreloadedImages {
    let folder: String
    let store: ImageStore
    let logger: Logger

    /// A file that cannot be loaded is told in the log and keeps no other from loading. `loaded` runs after each that could.
    func load(_ loaded: () async -> Void) async {
        do {
            for path in try await onOwnThread({ try archives(in: folder) }) {
                if Task.isCancelled { return }
                do {
                    let images = try await onOwnThread { try store.load(from: openFile(path, O_RDONLY)) }
                    for image in images {
                        // They are the node's own: nobody would load them again before the next start.
                        try await onOwnThread { try store.pin(image.image.id.description, true) }
                        let names = image.image.names.map(\.familiar).joined(separator: ", ")
                        logger.info(
                            "\(image.alreadyPresent ? "already there" : "loaded"): \(names)",
                            metadata: ["file": "\(path)"])
                    }
                    await loaded()
                } catch {
                    logger.error("\(SwiftletError.wrapping(error).during("load", printable(path)))")
                }
            }
        } catch {
            logger.error("\(SwiftletError.wrapping(error).during("read", printable(folder)))")
        }
    }

    private func archives(in folder: String) throws -> [String] {
        guard let directory = opendir(folder) else { throw systemError(errno, "open", folder) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            let endings = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".oci"]
            if endings.contains(where: name.hasSuffix) { names.append("\(folder)/\(name)") }
        }
        return names.sorted()
    }
}
