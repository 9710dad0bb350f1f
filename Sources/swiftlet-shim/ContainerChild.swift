import Errors
import Glibc
import Launch
import LinuxSystem

/// A container's first process on its way from clone to exec: carries the plan out from top to bottom.
struct ContainerChild {
    let plan: LaunchPlan
    /// nil in the host's user namespace.
    private let users: PodUsers?
    private let reporter = LaunchReporter()

    init(_ plan: LaunchPlan, _ users: PodUsers?) {
        self.plan = plan
        self.users = users
    }

    func run(_ streams: ChildStreams, reports: Int32) -> Never {
        do throws(StepFailure) {
            try prepare(streams, reports)
            try buildRoot()
            let program = ProgramLaunch(plan.process, reporter)
            try program.run()
        } catch {
            reporter.fail(error.failure)
        }
    }

    private func prepare(_ streams: ChildStreams, _ reports: Int32) throws(StepFailure) {
        try step("arrange descriptors") { () throws(SwiftletError) in
            try arrangeDescriptors(streams, reports: reports, also: users?.namespace.raw)
        }
        try step("start afresh") { () throws(SwiftletError) in try startAfresh() }
        try adjustOOMScore(plan.process)
        if plan.newCgroupNamespace, users == nil {
            try step("make a cgroup namespace") { () throws(SwiftletError) in try Namespaces.cgroup.unshare() }
        }
        // Modes come out as the plan says.
        umask(0)
    }

    private func buildRoot() throws(StepFailure) {
        // Before the tree is made slave: a clone of a shared mount stays its peer, which is what Bidirectional wants.
        var sources: [MountSource?] = []
        for mount in plan.mounts { sources.append(try MountSource(mount, mapped: users != nil)) }
        try step("part from the host's mounts") { () throws(SwiftletError) in
            let hostRoot = try openDirectory("/")
            try setMountPropagation(hostRoot.raw, MountPropagationFlag.slave, recursive: true)
        }
        if users != nil { try mapLayers(plan, owners: extraDescriptor) }
        for (index, mount) in plan.mounts.enumerated() {
            if let source = try MountSource(layersOf: mount, at: plan.recordDirectory) { sources[index] = source }
        }
        let root = try makeRoot()
        let null = try step("open /dev/null") { () throws(SwiftletError) in try NullDevice() }
        let mounter = Mounter()
        for (mount, source) in zip(plan.mounts, sources) { try mounter.mount(mount, source, in: root) }
        for device in plan.devices { try makeDevice(device, in: root) }
        for link in plan.links { try makeLink(link, in: root) }
        if plan.io.terminal { try setUpTerminal(root) }
        let masker = Masker(null)
        for path in plan.maskedPaths { try masker.mask(path, in: root) }
        for path in plan.readOnlyPaths { try masker.makeReadOnly(path, in: root) }
        try makeWorkingDirectory(root)
        try enter(root)
    }

    /// In a pod with a user namespace of its own all that takes the host's root has been done after it: the rest is for the pod's.
    private func makeRoot() throws(StepFailure) -> RootDirectory {
        guard let users else { return try mountRoot(plan) }
        let tree = try mappedRoot(plan, owners: extraDescriptor)
        var new: Namespaces = .mount
        if plan.newCgroupNamespace { new.insert(.cgroup) }
        if plan.pidNamespace == .container { new.insert(.pid) }
        do throws(SwiftletError) {
            try users.giveStreams(to: plan.process.user)
            try continueAsSibling(in: extraDescriptor, new: new, reporter)
            close(extraDescriptor)
            // Where it hangs does not matter: the old root goes.
            let place = try openDirectory("/")
            try tree.attach(onto: place.raw, name: "/")
        } catch { throw StepFailure("enter the pod's user namespace", error) }
        return RootDirectory(OwnedDescriptor(owning: tree.release()))
    }

    private func setUpTerminal(_ root: borrowing RootDirectory) throws(StepFailure) {
        do throws(SwiftletError) {
            let slave = try openTerminal(in: root, reporter)
            let console = try root.makeFile("/dev/console")
            let mount = try DetachedMount(cloning: slave.raw, recursive: false, name: "terminal")
            try mount.attach(onto: console.raw, name: "/dev/console")
        } catch { throw StepFailure("open a terminal", error) }
    }

    private func makeWorkingDirectory(_ root: borrowing RootDirectory) throws(StepFailure) {
        guard plan.process.createsWorkingDirectory else { return }
        do throws(SwiftletError) { _ = try root.makeDirectories(plan.process.workingDirectory) } catch {
            throw StepFailure("make working directory \(printable(plan.process.workingDirectory))", error)
        }
    }

    private func enter(_ root: borrowing RootDirectory) throws(StepFailure) {
        do throws(SwiftletError) {
            var attributes: MountAttributes = []
            if plan.rootReadOnly { attributes.insert(.readOnly) }
            if plan.rootNoDevices { attributes.insert(.noDev) }
            if !attributes.isEmpty { try setMountAttributes(root.descriptor.raw, attributes, recursive: false) }
            try pivotRoot(into: root.descriptor.raw)
            if plan.rootPropagation != .private {
                let newRoot = try openDirectory("/")
                try setMountPropagation(newRoot.raw, plan.rootPropagation.flag, recursive: false)
            }
        } catch { throw StepFailure("enter the root filesystem", error) }
    }
}

/// While /proc still is the host's.
func adjustOOMScore(_ process: ProcessPlan) throws(StepFailure) {
    guard let score = process.oomScoreAdjustment else { return }
    try step("set oom_score_adj to \(score)") { () throws(SwiftletError) in
        try ProcFile.write("self/oom_score_adj", String(score))
    }
}

extension MountPropagation {
    var flag: UInt64 {
        switch self {
        case .private: MountPropagationFlag.private
        case .slave: MountPropagationFlag.slave
        case .shared: MountPropagationFlag.shared
        }
    }
}
