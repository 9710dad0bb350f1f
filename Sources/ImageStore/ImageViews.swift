import Errors
import LinuxSystem
import OCI

/// An image that is looked into, without a container.
public struct ImageView: Sendable, Equatable {
    public let id: String
    public let image: Digest
    /// Unix nanoseconds.
    public let createdAt: Int64
    /// What the caller gave at its making.
    public let note: String
}

/// What a view shows, for who mounts it himself: read-only, without set-user-ID bits and devices.
public enum ImageViewTree: Sendable, Equatable {
    /// An overlay without an upper directory: `lowers` relative to `folder`, top first, two at least.
    case overlay(folder: String, lowers: [String])
    case directory(path: String)
}

/// Read-only mounts of images.
///
/// A view keeps what it shows in the store: the image may be removed, its layers stay. It lives until `removeView`, also
/// over restarts and crashes of the daemon, because a mount does; where overlayfs cannot be used it owns a merged copy.
/// Whoever attaches the mount removes the view after the unmount; and at the start, when the mount is found to be gone
/// (`note` is there to say where it was).
extension ImageStore {
    /// A read-only mount of all that the image shows, hanging nowhere yet: attach it with `DetachedMount.attach`, or hand
    /// its descriptor to another process. Set-user-ID bits and device nodes do nothing in it. The same call again gives
    /// another mount of the same view, with the first's note.
    ///
    /// `owners`: the descriptor of a user namespace whose ids the owners are mapped by.
    /// Errors: as of `prepareSnapshot`.
    public func mountView(
        id: String, of image: Digest, note: String = "", owners userNamespace: Int32? = nil
    ) throws(SwiftletError) -> DetachedMount {
        do throws(SwiftletError) {
            let record = try prepare(id, image, SnapshotRecord.Wanted(use: .view), note: note)
            let attributes: MountAttributes = [.readOnly, .noSuid, .noDev]
            switch record.kind {
            case .overlay:
                let own = "../snapshots/\(id)/\(record.ownTree.text)"
                var overlay = OverlayMount(folder: "\(directories.path)/layers", lowers: [own] + record.lowers)
                overlay.mappedFolder = directories.path
                return try overlay.detached(attributes, owners: userNamespace)
            case .copy:
                let own = try directories.snapshots.openDirectory(FileName(id))
                let tree = try own.openDirectory(record.ownTree)
                let mount = try DetachedMount(cloning: tree.descriptor.raw, recursive: false, name: id)
                try mount.setPropagation(MountPropagationFlag.private, recursive: false)
                try mount.set(attributes, recursive: false)
                if let userNamespace { try mount.mapOwners(by: userNamespace) }
                return mount
            }
        } catch {
            throw error.during("mount view of image", "\(image)")
        }
    }

    /// Makes the view, or finds it, and tells what to mount. Errors: as of `prepareSnapshot`.
    public func viewTree(id: String, of image: Digest, note: String = "") throws(SwiftletError) -> ImageViewTree {
        do throws(SwiftletError) {
            let record = try prepare(id, image, SnapshotRecord.Wanted(use: .view), note: note)
            let own = "snapshots/\(id)/\(record.ownTree.text)"
            return record.kind == .copy
                ? .directory(path: "\(directories.path)/\(own)")
                : .overlay(folder: "\(directories.path)/layers", lowers: ["../\(own)"] + record.lowers)
        } catch {
            throw error.during("make view of image", "\(image)")
        }
    }

    /// Oldest first.
    public func views() -> [ImageView] {
        state.withLock { Array($0.snapshots.values) }
            .filter { $0.use == .view }
            .map { ImageView(id: $0.id, image: $0.image, createdAt: $0.createdAt, note: $0.note) }
            .sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    }

    /// Removes a view; absent is fine. Unmount it first: what is still mounted loses its files.
    public func removeView(id: String) throws(SwiftletError) {
        do throws(SwiftletError) { try remove(id, .view) } catch {
            throw error.during("remove view", printable(id))
        }
    }
}
