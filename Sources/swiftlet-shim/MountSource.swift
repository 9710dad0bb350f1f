import Errors
import Glibc
import Launch
import LinuxSystem

/// What a bind mount brings in: a clone of a tree of the host, taken before the container's own tree is built.
final class MountSource {
    let tree: DetachedMount
    let isDirectory: Bool
    let name: String

    /// nil for a mount that is no bind. `mapped`: the user namespace in `extraDescriptor` maps the owners, where the plan says so.
    init?(_ plan: MountPlan, mapped: Bool) throws(StepFailure) {
        guard case .bind(let path, let beneath, let recursive) = plan.source else { return nil }
        name = beneath.map { "\(path)/\($0)" } ?? path
        do throws(SwiftletError) {
            let origin = try MountSource.open(path, beneath)
            isDirectory = try status(origin.raw, name: name).isDirectory
            tree =
                mapped && plan.attributes.contains(.mappedOwners)
                ? try DetachedMount(cloning: origin.raw, owners: extraDescriptor, recursive: recursive, name: name)
                : try DetachedMount(cloning: origin.raw, recursive: recursive, name: name)
        } catch {
            throw StepFailure("bind \(printable(name)) at \(printable(plan.destination))", error)
        }
    }

    /// nil for a mount that is no overlay of layers. Only in a mount namespace whose mounts travel nowhere: it is made at
    /// `place`, cloned, and taken away again.
    init?(layersOf plan: MountPlan, at place: String) throws(StepFailure) {
        guard case .layers(let folder, let lowers, let beneath) = plan.source else { return nil }
        name = beneath ?? "image"
        do throws(SwiftletError) {
            try OverlayMount(folder: folder, lowers: lowers).mount(at: place)
            let root = RootDirectory(try openDirectory(place))
            let origin = try root.open(beneath ?? "/", openPathOnly)
            isDirectory = try status(origin.raw, name: name).isDirectory
            tree = try DetachedMount(cloning: origin.raw, recursive: false, name: name)
            try unmountDetached(place)
        } catch {
            throw StepFailure("mount image at \(printable(plan.destination))", error)
        }
    }

    private static func open(_ path: String, _ beneath: String?) throws(SwiftletError) -> OwnedDescriptor {
        let origin = try openFile(path, openPathOnly)
        guard let beneath else { return origin }
        // Whoever writes the volume may have left symlinks anywhere: none leads out of it.
        let mode = try status(origin.raw, name: path).st_mode & 0o7777
        let volume = RootDirectory(origin)
        do throws(SwiftletError) { return try volume.open(beneath, openPathOnly) } catch {
            guard error.errno == ENOENT else { throw error }
        }
        return try volume.makeDirectories(beneath, mode: mode)
    }
}
