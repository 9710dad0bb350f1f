import Errors
import Glibc
import Launch
import LinuxSystem

/// A container's first process on its way from clone to exec: carries the plan out from top to bottom.
struct ContainerChild {
    let plan: LaunchPlan
    private let reporter = LaunchReporter()

    init(_ plan: LaunchPlan) { self.plan = plan }

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
            try arrangeDescriptors(streams, reports: reports)
        }
        try step("start afresh") { () throws(SwiftletError) in try startAfresh() }
        try adjustOOMScore(plan.process)
        if plan.newCgroupNamespace {
            try step("make a cgroup namespace") { () throws(SwiftletError) in try Namespaces.cgroup.unshare() }
        }
        // Modes come out as the plan says.
        umask(0)
    }

    private func buildRoot() throws(StepFailure) {
        // Before the tree is made slave: a clone of a shared mount stays its peer, which is what Bidirectional wants.
        var sources: [MountSource?] = []
        for mount in plan.mounts { sources.append(try MountSource(mount)) }
        let null = try step("open /dev/null") { () throws(SwiftletError) in try NullDevice() }
        try step("part from the host's mounts") { () throws(SwiftletError) in
            let hostRoot = try openDirectory("/")
            try setMountPropagation(hostRoot.raw, MountPropagationFlag.slave, recursive: true)
        }
        for (index, mount) in plan.mounts.enumerated() {
            if let source = try MountSource(layersOf: mount, at: plan.recordDirectory) { sources[index] = source }
        }
        let root = try mountRoot(plan)
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
            if plan.rootReadOnly { try setMountAttributes(root.descriptor.raw, .readOnly, recursive: false) }
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
