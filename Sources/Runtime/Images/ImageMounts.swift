import Errors
import ImageStore
import JSON
import LinuxSystem
import OCI

/// Images that are mounted for looking inside. Whoever asks attaches the mount, in its own mount namespace; the store's view
/// keeps the files for as long, and its note says where it was attached.
struct ImageMounts {
    private static let prefix = "mount-"
    let images: ImageStore

    /// Lets go of what is not mounted any more: a boot ends mounts, and so does umount(8).
    func sweep() throws(SwiftletError) {
        let table = String(decoding: try Files.read("/proc/self/mountinfo", limit: 16 << 20), as: UTF8.self)
        let mounted = Set(MountInfo.points(below: "", in: table))
        for view in views() where !mounted.contains(view.note) { try images.removeView(id: view.id) }
    }

    /// Without those that containers mount.
    func views() -> [ImageView] { images.views().filter { $0.id.hasPrefix(Self.prefix) } }

    struct Added: ~Copyable {
        let view: ImageView
        let mount: DetachedMount
    }

    /// Errors: `notFound`, `alreadyExists`, `invalidArgument`.
    func add(_ name: String, at target: String) throws(SwiftletError) -> Added {
        let target = try Paths.normalized(target, "target")
        let image = try images.resolve(name)
        guard !views().contains(where: { $0.note == target }) else {
            throw SwiftletError(
                .alreadyExists, "an image is mounted there", object: printable(target),
                hint: "unmount it first: swiftlet image umount \(printable(target))")
        }
        let id = Self.prefix + Identifier.random().prefix(32)
        let mount = try images.mountView(id: id, of: image.id, note: target)
        guard let view = images.views().first(where: { $0.id == id }) else {
            throw SwiftletError(.aborted, "the mount was let go of meanwhile", hint: "try again")
        }
        return Added(view: view, mount: mount)
    }

    /// An unknown one is fine.
    func remove(_ id: String) throws(SwiftletError) { try images.removeView(id: id) }

    func json(_ view: ImageView) -> JSONValue {
        let image = images.images().first { $0.id == view.image }
        return [
            "mount": .string(view.id), "image": .string(view.image.description), "target": .string(view.note),
            "names": .array((image?.names ?? []).map { .string($0.canonical) }), "createdAt": .int(view.createdAt),
        ]
    }
}
