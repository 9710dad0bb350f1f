import CRI
import Errors
import Launch
import LinuxSystem

/// The mounts of a container: the standard ones and CRI's own, parents before children.
struct MountPlanner {
    var host: any HostView
    /// Host paths of the sandbox's files.
    var files: SandboxFiles
    var privileged = false
    var readOnlyRoot = false
    /// What the mounts of images show, by container path as requested.
    var images: [String: MountPlan.Source] = [:]
    /// Of the pod's own user namespace.
    var owners: IDMapping?

    struct Result: Equatable {
        var mounts: [MountPlan] = []
        var rootPropagation = Launch.MountPropagation.private
        /// The client mounts a /dev of its own: then nothing is made in it.
        var ownDev = false
    }

    func plan(_ requested: [CRIMount]) throws(SwiftletError) -> Result {
        var result = Result()
        var own: [MountPlan] = []
        var taken: Set<String> = []
        for mount in requested {
            let plan = try bind(mount)
            guard taken.insert(plan.destination).inserted else {
                throw .invalid("two mounts have the same place", object: "mount \(printable(plan.destination))")
            }
            own.append(plan)
            switch plan.propagation {
            case .shared: result.rootPropagation = .shared
            case .slave: if result.rootPropagation == .private { result.rootPropagation = .slave }
            case .private: break
            }
        }
        result.ownDev = taken.contains("/dev")
        let standard = (kernel + podFiles).filter {
            !taken.contains($0.destination) && !(result.ownDev && $0.destination.hasPrefix("/dev/"))
        }
        // Sorting keeps the order of equals, so a file system is mounted before what lies in it.
        result.mounts = (standard + own).enumerated().sorted {
            let depths = (Paths.depth($0.element.destination), Paths.depth($1.element.destination))
            return depths.0 != depths.1 ? depths.0 < depths.1 : $0.offset < $1.offset
        }.map(\.element)
        return result
    }

    private var kernel: [MountPlan] {
        let quiet: MountPlan.Attributes = [.noSuid, .noExec, .noDev]
        let guarded: MountPlan.Attributes = privileged ? quiet : [.noSuid, .noExec, .noDev, .readOnly]
        return [
            filesystem("proc", at: "/proc", quiet),
            filesystem("tmpfs", at: "/dev", [.noSuid, .strictAccessTime], [("mode", "755"), ("size", "65536k")]),
            filesystem("sysfs", at: "/sys", guarded),
            filesystem(
                "devpts", at: "/dev/pts", [.noSuid, .noExec],
                [("newinstance", ""), ("ptmxmode", "0666"), ("mode", "0620"), ("gid", "5")]),
            filesystem("mqueue", at: "/dev/mqueue", quiet),
            filesystem("cgroup2", at: "/sys/fs/cgroup", guarded.union(.relativeAccessTime)),
        ]
    }

    private func filesystem(
        _ type: String, at destination: String, _ attributes: MountPlan.Attributes, _ options: [(String, String)] = []
    ) -> MountPlan {
        MountPlan(
            .filesystem(type: type, source: type, options: options.map { .init($0.0, $0.1) }), at: destination,
            attributes: attributes)
    }

    private var podFiles: [MountPlan] {
        let attributes: MountPlan.Attributes = readOnlyRoot ? [.readOnly] : []
        return [
            MountPlan(
                .bind(path: files.sharedMemory, beneath: nil, recursive: false), at: "/dev/shm",
                attributes: [.noSuid, .noExec, .noDev]),
            MountPlan(
                .bind(path: files.hosts, beneath: nil, recursive: false), at: "/etc/hosts", attributes: attributes),
            MountPlan(
                .bind(path: files.hostname, beneath: nil, recursive: false), at: "/etc/hostname", attributes: attributes
            ),
            MountPlan(
                .bind(path: files.resolver, beneath: nil, recursive: false), at: "/etc/resolv.conf",
                attributes: attributes),
        ]
    }

    private func bind(_ mount: CRIMount) throws(SwiftletError) -> MountPlan {
        let destination = try Paths.normalized(mount.containerPath, "container_path")
        let object = "mount \(printable(destination))"
        guard destination != "/" else { throw .invalid("nothing can be mounted over the root", object: object) }
        if mount.showsImage { return try image(mount, at: destination) }
        let source = try Paths.normalized(mount.hostPath, "host_path")
        do throws(SwiftletError) {
            guard try host.kind(source) != nil else {
                throw SwiftletError(
                    .failedPrecondition, "the host path \(printable(source)) does not exist",
                    hint: "make it first, or ask for it to be made (hostPath type DirectoryOrCreate)")
            }
            let propagation = try propagation(mount, source)
            var attributes = try options(mount)
            if try UserNamespaceSelection.mapsOwners(of: mount, sandbox: owners) { attributes.insert(.mappedOwners) }
            if mount.recursiveReadOnly {
                guard mount.readonly, propagation == .private else {
                    throw .invalid("recursive_read_only needs readonly and private propagation")
                }
                attributes.insert(.recursive)
            }
            return MountPlan(
                .bind(path: source, beneath: nil, recursive: true), at: destination, attributes: attributes,
                propagation: propagation)
        } catch { throw error.object.isEmpty ? error.during("", object) : error.during("plan", object) }
    }

    /// Images are for reading, and bring neither programs with rights nor devices.
    private func image(_ mount: CRIMount, at destination: String) throws(SwiftletError) -> MountPlan {
        let object = "mount \(printable(destination))"
        guard let source = images[mount.containerPath] else {
            throw SwiftletError(.internal, "its image was not looked up", object: object)
        }
        guard mount.readonly else { throw .invalid("an image can only be mounted readonly", object: object) }
        guard mount.propagation == .propagationPrivate else {
            throw .invalid("the mount of an image has private propagation", object: object)
        }
        var attributes = try options(mount).union([.readOnly, .noSuid, .noDev, .noExec])
        if owners != nil { attributes.insert(.mappedOwners) }
        return MountPlan(source, at: destination, attributes: attributes)
    }

    private func options(_ mount: CRIMount) throws(SwiftletError) -> MountPlan.Attributes {
        var attributes: MountPlan.Attributes = mount.readonly ? [.readOnly] : []
        for option in mount.mountOptions {
            switch option {
            case "ro": attributes.insert(.readOnly)
            case "nosuid": attributes.insert(.noSuid)
            case "nodev": attributes.insert(.noDev)
            case "noexec": attributes.insert(.noExec)
            default:
                throw .invalid(
                    "mount option \"\(printable(option, limit: 64))\" is not known",
                    hint: "ro, nosuid, nodev, noexec are")
            }
        }
        return attributes
    }

    private func propagation(_ mount: CRIMount, _ source: String) throws(SwiftletError) -> Launch.MountPropagation {
        switch mount.propagation {
        case .propagationPrivate: return .private
        case .propagationHostToContainer:
            guard try host.propagation(source) != .none else {
                throw .invalid(
                    "\(printable(source)) lies on a private mount, so nothing the host mounts there could be seen",
                    hint: "mount --make-shared it first, or use propagation None")
            }
            return .slave
        case .propagationBidirectional:
            guard try host.propagation(source) == .shared else {
                throw .invalid(
                    "\(printable(source)) does not lie on a shared mount, so mounts could not go both ways",
                    hint: "mount --make-shared it first, or use propagation None")
            }
            return .shared
        case .UNRECOGNIZED(let number): throw .invalid("mount propagation \(number) is unknown")
        }
    }
}

/// Where the files of a sandbox that its containers mount lie on the host.
struct SandboxFiles: Sendable, Equatable {
    var hosts: String
    var hostname: String
    var resolver: String
    /// Or the host's /dev/shm for a pod in the host's IPC namespace.
    var sharedMemory: String
}

extension SandboxFiles {
    /// A tmpfs of the sandbox's own: what a pod writes into its files takes room from nobody else.
    static func place(in directory: String) -> String { "\(directory)/memory" }

    init(in directory: String, hostIPC: Bool) {
        let place = SandboxFiles.place(in: directory)
        self.init(
            hosts: "\(place)/hosts", hostname: "\(place)/hostname", resolver: "\(place)/resolv.conf",
            sharedMemory: hostIPC ? "/dev/shm" : "\(place)/shm")
    }
}

extension CRIMount {
    var showsImage: Bool { hasImage && !image.image.isEmpty }
}
