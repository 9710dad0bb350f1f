import Errors
import Launch

/// Which of the volumes that an image declares (`VOLUME`) a container gets.
enum ImageVolumePaths {
    /// More than any honest image declares.
    static let limit = 256

    /// Places in the container, parents first. One at or below a mount of the container's is left out: the client's mount
    /// shows what the client wants there, a volume over it would hide what is stored in it. `declared` are as the image
    /// has them; one without a leading slash is taken from the root, as other runtimes do.
    static func needed(_ declared: [String], besides mounts: [MountPlan]) throws(SwiftletError) -> [String] {
        guard declared.count <= limit else {
            throw .invalid("the image declares \(declared.count) volumes; at most \(limit) are made")
        }
        var needed: Set<String> = []
        for path in declared {
            let place = try Paths.normalized(path.hasPrefix("/") ? path : "/" + path, "image volume")
            guard place != "/" else {
                throw .invalid(
                    "the image declares its root a volume", object: "image volume \"\(printable(path))\"",
                    hint: "build the image without it")
            }
            if !mounts.contains(where: { covers($0.destination, place) }) { needed.insert(place) }
        }
        return needed.sorted { (Paths.depth($0), $0) < (Paths.depth($1), $1) }
    }

    private static func covers(_ mount: String, _ place: String) -> Bool {
        place == mount || place.hasPrefix(mount + "/")
    }

    /// They are mounted before all else, so that whatever the client or the runtime mounts lies over them, also where links
    /// in the image lead two different paths to one place.
    static func mounts(_ volumes: [(path: String, directory: String)]) -> [MountPlan] {
        volumes.map {
            MountPlan(
                .bind(path: $0.directory, beneath: nil, recursive: false), at: $0.path, attributes: .mappedOwners)
        }
    }
}
