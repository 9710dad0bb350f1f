import CRI
import Errors
import ImageStore
import Launch
import LinuxSystem

/// Images that a container mounts beside its own. Each is a view of the store, held as long as the container.
extension Pod {
    /// What the mounts show, by container path. Errors: `notFound` for an image that is not in the store.
    func imageMounts(
        _ mounts: [CRIMount], of container: String, _ cleanup: inout CleanupStack
    ) throws(SwiftletError) -> [String: MountPlan.Source] {
        let images = context.images
        var sources: [String: MountPlan.Source] = [:]
        for (index, mount) in mounts.enumerated() where mount.showsImage {
            let image = try images.resolve(mount.image.image)
            let view = "\(container)-\(index)"
            let tree = try images.viewTree(id: view, of: image.id, note: "container \(container)")
            cleanup.push("remove view \(view)") { try images.removeView(id: view) }
            let inside = mount.imageSubPath.isEmpty ? nil : mount.imageSubPath
            sources[mount.containerPath] =
                switch tree {
                case .overlay(let folder, let lowers): .layers(folder: folder, lowers: lowers, beneath: inside)
                case .directory(let path): try directory(path, inside)
                }
        }
        return sources
    }

    /// A missing path in an image is an error; `beneath` of a bind would make it.
    private func directory(_ path: String, _ inside: String?) throws(SwiftletError) -> MountPlan.Source {
        if let inside {
            let root = RootDirectory(try openDirectory(path))
            _ = try root.open(inside, openPathOnly)
        }
        return .bind(path: path, beneath: inside, recursive: false)
    }

    /// The views of a container that is gone.
    static func removeImageMounts(of container: String, _ context: RuntimeContext) throws(SwiftletError) {
        for view in context.images.views() where view.id.hasPrefix("\(container)-") {
            try context.images.removeView(id: view.id)
        }
    }
}
