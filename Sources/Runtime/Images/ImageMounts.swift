import Errors
import ImageStore
import JSON
import LinuxSystem
import OCI
import Synchronization

/// Images that are mounted for looking inside. Whoever asked mounts, in its own mount namespace; kept here, in
/// `<run>/mounts.json`, is that the image's files are in use. A boot ends all of them.
final class ImageMounts: Sendable {
    struct Mount: Sendable, Equatable {
        /// Of the snapshot that keeps the image's layers.
        let id: String
        let image: Digest
        /// As it was asked for: a name or an ID.
        let name: String
        /// Absolute.
        let target: String
    }

    private static let prefix = "mount-"
    private let images: ImageStore
    private let path: String
    private let mounts: Mutex<[Mount]>

    /// Reads what an earlier daemon kept, and lets go of all that is not mounted any more.
    init(images: ImageStore, run: String) throws(SwiftletError) {
        self.images = images
        path = "\(run)/mounts.json"
        let table = String(decoding: try Files.read("/proc/self/mountinfo", limit: 16 << 20), as: UTF8.self)
        let mounted = Set(MountInfo.points(below: "", in: table))
        let kept = try Self.read(path).filter { mounted.contains($0.target) }
        mounts = Mutex(kept)
        for snapshot in images.snapshots()
        where snapshot.id.hasPrefix(Self.prefix) && !kept.contains(where: { $0.id == snapshot.id }) {
            try images.removeSnapshot(id: snapshot.id)
        }
        try Self.write(kept, path)
    }

    var all: [Mount] { mounts.withLock { $0 } }

    /// Keeps an image's files for a mount at `target`, which the caller makes from the answer. Errors: `notFound`,
    /// `alreadyExists`, `invalidArgument`.
    func add(_ name: String, at target: String) throws(SwiftletError) -> (Mount, RootFilesystem) {
        let target = try Paths.normalized(target, "target")
        let image = try images.resolve(name)
        let mount = Mount(id: Self.prefix + Identifier.random(), image: image.id, name: name, target: target)
        let root = try images.prepareSnapshot(id: mount.id, image: image.id)
        do throws(SwiftletError) {
            try change { mounts throws(SwiftletError) in
                if let other = mounts.first(where: { $0.target == target }) {
                    throw SwiftletError(
                        .alreadyExists, "image \(printable(other.name)) is mounted there", object: printable(target),
                        hint: "unmount it first: swiftlet image umount \(printable(target))")
                }
                mounts.append(mount)
            }
        } catch {
            var failure = error
            do throws(SwiftletError) { try images.removeSnapshot(id: mount.id) } catch {
                failure.notes.append(error.message)
            }
            throw failure
        }
        return (mount, root)
    }

    /// Lets go of a mount that is gone; an unknown one is fine.
    func remove(_ id: String) throws(SwiftletError) {
        guard all.contains(where: { $0.id == id }) else { return }
        try change { $0.removeAll { $0.id == id } }
        try images.removeSnapshot(id: id)
    }

    private func change(_ body: (inout [Mount]) throws(SwiftletError) -> Void) throws(SwiftletError) {
        try mounts.withLock { (mounts) throws(SwiftletError) in
            var changed = mounts
            try body(&changed)
            try Self.write(changed, path)
            mounts = changed
        }
    }

    private static func write(_ mounts: [Mount], _ path: String) throws(SwiftletError) {
        try Files.replace(path, JSONValue.array(mounts.map(\.json)).serialized())
    }

    private static func read(_ path: String) throws(SwiftletError) -> [Mount] {
        guard let bytes = try Files.readIfPresent(path) else { return [] }
        do throws(SwiftletError) {
            return try (try JSONValue.parse(bytes).array ?? []).map { value throws(SwiftletError) in
                Mount(
                    id: value["mount"]?.string ?? "", image: try Digest(parsing: value["image"]?.string ?? ""),
                    name: value["name"]?.string ?? "", target: value["target"]?.string ?? "")
            }
        } catch {
            throw error.during("read", printable(path))
        }
    }
}

extension ImageMounts.Mount {
    var json: JSONValue {
        [
            "mount": .string(id), "image": .string(image.description), "name": .string(name), "target": .string(target),
        ]
    }
}
