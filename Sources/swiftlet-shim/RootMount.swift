import Errors
import Glibc
import Launch
import LinuxSystem

/// Mounts the root filesystem, in the container's mount namespace only, and gives its directory. It hangs on the
/// container's record directory, which is as good as any.
func mountRoot(_ plan: LaunchPlan) throws(StepFailure) -> RootDirectory {
    do throws(SwiftletError) {
        switch plan.rootFilesystem {
        case .overlay(let layersDirectory, let lowers, let upper, let work):
            try overlay(layersDirectory, lowers, upper, work).mount(at: plan.recordDirectory)
        case .directory(let path):
            let origin = try openDirectory(path)
            let tree = try DetachedMount(cloning: origin.raw, recursive: false, name: path)
            // The clone of a shared mount is shared: what is mounted below must not travel back.
            try tree.setPropagation(MountPropagationFlag.private, recursive: false)
            let target = try openDirectory(plan.recordDirectory)
            try tree.attach(onto: target.raw, name: path)
        }
        return RootDirectory(try openDirectory(plan.recordDirectory))
    } catch {
        throw StepFailure("mount the root filesystem", error)
    }
}

/// The root filesystem, hanging nowhere, with the owners of its files mapped by a user namespace: those of layers by
/// `mapLayers` before.
func mappedRoot(_ plan: LaunchPlan, owners userNamespace: Int32) throws(StepFailure) -> DetachedMount {
    do throws(SwiftletError) {
        switch plan.rootFilesystem {
        case .overlay(let layersDirectory, let lowers, let upper, let work):
            try overlay(layersDirectory, lowers, upper, work).mount(at: plan.recordDirectory)
            let root = try openDirectory(plan.recordDirectory)
            return try DetachedMount(cloning: root.raw, recursive: false, name: "overlay")
        case .directory(let path):
            let origin = try openDirectory(path)
            let tree = try DetachedMount(cloning: origin.raw, owners: userNamespace, recursive: false, name: path)
            try tree.setPropagation(MountPropagationFlag.private, recursive: false)
            return tree
        }
    } catch {
        throw StepFailure("mount the root filesystem", error)
    }
}

/// Maps the owners of all layers that the container sees by a user namespace.
func mapLayers(_ plan: LaunchPlan, owners userNamespace: Int32) throws(StepFailure) {
    var folders: Set<String> = []
    if case .overlay(let folder, _, _, _) = plan.rootFilesystem { folders.insert(folder) }
    for mount in plan.mounts {
        if case .layers(let folder, _, _) = mount.source { folders.insert(folder) }
    }
    do throws(SwiftletError) {
        for folder in folders { try OverlayMount.mapOwners(of: folder, by: userNamespace) }
    } catch { throw StepFailure("map the owners of layers", error) }
}

private func overlay(_ folder: String, _ lowers: [String], _ upper: String, _ work: String) -> OverlayMount {
    // A container's writable layer need not outlive a power cut.
    OverlayMount(folder: folder, lowers: lowers, upper: upper, work: work, isVolatile: true)
}
