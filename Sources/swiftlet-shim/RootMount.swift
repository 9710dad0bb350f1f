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
            try check(chdir(layersDirectory), "chdir", layersDirectory)
            try mountOverlay(lowers: lowers, upper: upper, work: work, at: plan.recordDirectory)
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

private func mountOverlay(lowers: [String], upper: String, work: String, at target: String) throws(SwiftletError) {
    let options =
        "lowerdir=" + lowers.map { escape($0, also: ":") }.joined(separator: ":")
        + ",upperdir=\(escape(upper)),workdir=\(escape(work)),index=off,metacopy=off,redirect_dir=off"
    do throws(SwiftletError) {
        // A container's writable layer need not outlive a power cut: no sync at the end.
        try mountFilesystem(type: "overlay", at: target, options: options + ",volatile")
    } catch {
        // Kernels before 5.10 do not know it.
        guard error.errno == EINVAL else { throw error }
        try mountFilesystem(type: "overlay", at: target, options: options)
    }
}

/// As overlayfs reads option strings: a backslash before what separates.
private func escape(_ path: String, also separator: Character? = nil) -> String {
    var out = ""
    for character in path {
        if character == "\\" || character == "," || character == separator { out.append("\\") }
        out.append(character)
    }
    return out
}
