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
            // A container's writable layer need not outlive a power cut.
            let overlay = OverlayMount(
                folder: layersDirectory, lowers: lowers, upper: upper, work: work, isVolatile: true)
            try overlay.mount(at: plan.recordDirectory)
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
