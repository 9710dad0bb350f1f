import Errors
import Glibc
import Launch
import LinuxSystem

/// Hangs mounts into a container's root, each onto a descriptor that was resolved inside it.
struct Mounter {
    func mount(_ plan: MountPlan, _ source: MountSource?, in root: borrowing RootDirectory) throws(StepFailure) {
        do throws(SwiftletError) {
            switch plan.source {
            case .filesystem(let type, let name, let options): try filesystem(plan, type, name, options, root)
            case .bind, .layers:
                guard let source else { throw SwiftletError(.internal, "a bind without its source") }
                try bind(plan, source, root)
            }
        } catch {
            throw StepFailure("mount \(plan.what) at \(printable(plan.destination))", error)
        }
    }

    private func filesystem(
        _ plan: MountPlan, _ type: String, _ source: String, _ options: [MountPlan.Option],
        _ root: borrowing RootDirectory
    ) throws(SwiftletError) {
        let mount = try DetachedMount(
            filesystem: type, source: source, options: options.map { ($0.name, $0.value) }, plan.attributes.forMount)
        // The kernel's own trees must be where they seem to be: what is masked and checked in them relies on it.
        let exact = ["proc", "sysfs", "cgroup2"].contains(type) || plan.destination == "/dev"
        let target = try root.makeDirectories(plan.destination, noSymlinks: exact)
        try mount.attach(onto: target.raw, name: plan.destination)
        if plan.propagation != .private { try mount.setPropagation(plan.propagation.flag, recursive: false) }
    }

    private func bind(_ plan: MountPlan, _ source: MountSource, _ root: borrowing RootDirectory) throws(SwiftletError) {
        let target =
            source.isDirectory ? try root.makeDirectories(plan.destination) : try root.makeFile(plan.destination)
        if !source.isDirectory, try status(target.raw).isDirectory {
            throw .invalid(
                "\(printable(source.name)) is a file and \(printable(plan.destination)) in the container a directory",
                hint: "mount it at a path that is a file or does not exist")
        }
        try source.tree.setPropagation(plan.propagation.flag, recursive: true)
        let attributes = plan.attributes.forMount
        let setsAccessTime = !plan.attributes.isDisjoint(with: [.strictAccessTime, .relativeAccessTime])
        if !attributes.isEmpty || setsAccessTime {
            try source.tree.set(
                attributes, accessTime: setsAccessTime, recursive: plan.attributes.contains(.recursive))
        }
        try source.tree.attach(onto: target.raw, name: plan.destination)
    }
}

extension MountPlan {
    fileprivate var what: String {
        switch source {
        case .filesystem(let type, _, _): printable(type)
        case .layers(_, _, let beneath): printable(beneath.map { "\($0) of image" } ?? "image")
        case .bind(let path, let beneath, _): printable(beneath.map { "\(path)/\($0)" } ?? path)
        }
    }
}

extension MountPlan.Attributes {
    fileprivate var forMount: MountAttributes {
        var result: MountAttributes = []
        if contains(.readOnly) { result.insert(.readOnly) }
        if contains(.noSuid) { result.insert(.noSuid) }
        if contains(.noDev) { result.insert(.noDev) }
        if contains(.noExec) { result.insert(.noExec) }
        if contains(.strictAccessTime) { result.insert(.strictAccessTime) }
        return result
    }
}
