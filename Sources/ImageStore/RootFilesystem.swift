import LinuxSystem

/// A container's root filesystem, as the runtime mounts it.
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
