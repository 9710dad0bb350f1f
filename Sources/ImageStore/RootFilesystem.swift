import LinuxSystem

/// A container's root filesystem, as the runtime mounts it.
///
/// In a pod with a user namespace of its own the files of the image belong to the namespace's ids, and nothing is changed
/// on disk for that:
///
/// - The snapshot is prepared with the pod's `IDMapping`, where the store can do it (`SnapshotterReport.mapsOwners`).
/// - It is mounted in the container's new mount namespace by a process that is still in the first user namespace, since
///   only there overlayfs reads its own attributes of the layers, with the descriptor of the pod's user namespace
///   (`/proc/PID/ns/user`): an overlay by `OverlayMount.mapOwners` before it; a plain tree by a `DetachedMount` of it,
///   `mapOwners(by:)`, `attach(onto:)`. After that the process enters the user namespace.
/// - A process that is in the user namespace already can be handed the descriptor of the mount instead
///   (`OverlayMount.detached(owners:)`): a mount that hangs nowhere may be attached by whoever owns the mount namespace.
///
/// What the container writes into an overlay's upper directory belongs to the ids outside, on disk too: a program it
/// makes set-user-ID root is not the host's root's. In a plain tree it belongs to the ids inside.
public enum RootFilesystem: Sendable, Equatable {
    /// Overlay: change to `layersDirectory`, then mount with `lowers` (relative to it, top first), `upper` and `work`
    /// (absolute). See `overlay`.
    case overlay(layersDirectory: String, lowers: [String], upper: String, work: String)
    /// A plain tree.
    case directory(path: String)

    /// nil for a plain tree.
    public var overlay: OverlayMount? {
        guard case .overlay(let folder, let lowers, let upper, let work) = self else { return nil }
        return OverlayMount(folder: folder, lowers: lowers, upper: upper, work: work)
    }
}
