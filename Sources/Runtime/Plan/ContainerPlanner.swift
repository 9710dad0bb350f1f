import CRI
import Cgroups
import Errors
import ImageStore
import Launch
import LinuxSystem
import OCI

/// Joins what the client says of a container with what its image and its sandbox say, into a launch plan.
struct ContainerPlanner {
    /// What the planner looks up outside: the host's files, the image's accounts, compiled seccomp programs.
    struct Surroundings {
        var host: any HostView
        /// The image's passwd and group files.
        var accounts: () throws(SwiftletError) -> UserDatabase
        var seccomp: (SeccompSelection, UInt64) throws(SwiftletError) -> [UInt8]
        /// Capabilities of the daemon, a bit each.
        var capabilities: UInt64
        /// Whether the kernel keeps containers from devices that are not theirs. Where it does not, they make no nodes, and
        /// those of their images are none.
        var filtersDevices = true
    }

    /// What it takes of the sandbox.
    struct Sandbox {
        var namespaces: NamespaceSelection
        var files: SandboxFiles
        var hostname: String
        var logDirectory: String
        var privileged: Bool
    }

    struct Result {
        var plan: LaunchPlan
        var user: ContainerUser
        var stopSignal: Int32
        /// nil: any device.
        var deviceRules: [DeviceRule]?
        /// Places of the image's volumes that nothing is mounted over. The caller makes them.
        var imageVolumes: [String]
        /// Of the pod's own user namespace.
        var owners: IDMapping?
    }

    var surroundings: Surroundings
    var sandbox: Sandbox
    /// What the mounts of images show, by container path as requested.
    var imageSources: [String: MountPlan.Source] = [:]

    /// Everything but the id, the record directory, the cgroup, the root filesystem and the image's volumes, which the
    /// caller makes.
    func plan(_ config: CRIContainerConfig, image: ImageConfig.ExecutionConfig) throws(SwiftletError) -> Result {
        let context = config.linux.securityContext
        try refuseUnsupported(config)
        if context.privileged, !sandbox.privileged {
            throw .invalid("a privileged container needs a sandbox marked privileged")
        }
        let user = try ContainerUser.resolve(
            request(context), imageUser: image.user, database: try surroundings.accounts())
        try user.check(isIn: sandbox.namespaces.owners)
        var plan = LaunchPlan()
        plan.rootReadOnly = context.readonlyRootfs
        plan.rootNoDevices = !surroundings.filtersDevices && !context.privileged
        plan.pidNamespace = try sandbox.namespaces.pidNamespace(container: context.namespaceOptions)
        // In a user namespace only cgroups of a namespace that belongs to it can be shown.
        plan.newCgroupNamespace = !context.privileged || sandbox.namespaces.owners != nil
        try fill(mounts: config, into: &plan)
        plan.maskedPaths = context.privileged ? [] : try context.maskedPaths.map(masked)
        plan.readOnlyPaths = context.privileged ? [] : try context.readonlyPaths.map(masked)
        plan.process = try process(config, image: image, user: user)
        plan.io = try io(config)
        return Result(
            plan: plan, user: user, stopSignal: try stopSignal(config, image: image),
            deviceRules: context.privileged
                ? nil : try DevicePlanner.rules(config.devices, host: surroundings.host),
            imageVolumes: try ImageVolumePaths.needed(image.volumes, besides: plan.mounts),
            owners: sandbox.namespaces.owners)
    }

    private func fill(mounts config: CRIContainerConfig, into plan: inout LaunchPlan) throws(SwiftletError) {
        let context = config.linux.securityContext
        let planner = MountPlanner(
            host: surroundings.host, files: sandbox.files, privileged: context.privileged,
            readOnlyRoot: context.readonlyRootfs, images: imageSources, owners: sandbox.namespaces.owners)
        let mounts = try planner.plan(config.mounts)
        plan.mounts = mounts.mounts
        plan.rootPropagation = mounts.rootPropagation
        guard !mounts.ownDev else { return }
        plan.devices = try DevicePlanner.plan(
            config.devices, privileged: context.privileged, host: surroundings.host)
        plan.links = DevicePlanner.links
    }

    private func process(
        _ config: CRIContainerConfig, image: ImageConfig.ExecutionConfig, user: ContainerUser
    ) throws(SwiftletError) -> ProcessPlan {
        let context = config.linux.securityContext
        var process = ProcessPlan()
        process.arguments = try CommandLine.join(
            command: config.command, args: config.args, entrypoint: image.entrypoint ?? [],
            imageArguments: image.command ?? [])
        process.environment = try EnvironmentVariables.join(
            hostname: sandbox.hostname, image: image.env, container: try variables(config.envs), terminal: config.tty,
            home: user.home
        ).strings
        let directory = config.workingDir.isEmpty ? image.workingDirectory : config.workingDir
        process.workingDirectory = directory.isEmpty ? "/" : try Paths.normalized(directory, "working directory")
        process.createsWorkingDirectory = true
        process.user = user.user
        process.group = user.group
        process.supplementaryGroups = [user.group] + user.supplementaryGroups
        process.capabilities = try CapabilitySelection.sets(
            context.capabilities, privileged: context.privileged, available: surroundings.capabilities,
            defaults: surroundings.filtersDevices
                ? CapabilitySelection.defaults : CapabilitySelection.withoutDeviceFilter)
        process.noNewPrivileges = context.noNewPrivs
        let profile = try SeccompSelection.choose(
            profile: context.hasSeccomp ? context.seccomp : nil, deprecated: context.seccompProfilePath,
            privileged: context.privileged)
        process.seccompFilter = try surroundings.seccomp(profile, process.capabilities.bounding)
        let adjustment = config.linux.resources.oomScoreAdj
        guard (-1000...1000).contains(adjustment) else {
            throw .invalid("oom_score_adj \(adjustment) is out of range", hint: "it goes from -1000 to 1000")
        }
        process.oomScoreAdjustment = Int32(adjustment)
        return process
    }

    private func request(_ context: CRILinuxContainerSecurityContext) -> UserRequest {
        UserRequest(
            user: context.hasRunAsUser ? context.runAsUser.value : nil, userName: context.runAsUsername,
            group: context.hasRunAsGroup ? context.runAsGroup.value : nil,
            supplementaryGroups: context.supplementalGroups,
            strictGroups: context.supplementalGroupsPolicy == .strict)
    }

    private func variables(_ entries: [CRIKeyValue]) throws(SwiftletError) -> [(name: String, value: String)] {
        var variables: [(name: String, value: String)] = []
        for entry in entries {
            guard let value = String(validating: entry.value, as: UTF8.self) else {
                throw .invalid("environment variable \"\(printable(entry.key, limit: 64))\" is not UTF-8")
            }
            variables.append((entry.key, value))
        }
        return variables
    }

    private func io(_ config: CRIContainerConfig) throws(SwiftletError) -> StandardIOPlan {
        var io = StandardIOPlan()
        if !config.logPath.isEmpty, !sandbox.logDirectory.isEmpty {
            io.logPath = try Paths.beneath(sandbox.logDirectory, config.logPath, "log_path")
        }
        io.terminal = config.tty
        io.standardInput = config.stdin
        io.standardInputOnce = config.stdinOnce
        return io
    }

    private func stopSignal(
        _ config: CRIContainerConfig, image: ImageConfig.ExecutionConfig
    ) throws(SwiftletError) -> Int32 {
        if case .UNRECOGNIZED(let number) = config.stopSignal { throw .invalid("stop_signal \(number) is unknown") }
        if let number = StopSignal.number(config.stopSignal) { return number }
        guard let name = image.stopSignal, !name.isEmpty else { return 15 }
        guard let number = StopSignal.number(name) else {
            throw .invalid("the image's stop signal \"\(printable(name, limit: 32))\" is no signal")
        }
        return number
    }

    private func masked(_ path: String) throws(SwiftletError) -> String {
        try Paths.normalized(path, "masked or read-only path")
    }

    private func refuseUnsupported(_ config: CRIContainerConfig) throws(SwiftletError) {
        let context = config.linux.securityContext
        let options = context.selinuxOptions
        let label = options.user + options.role + options.type + options.level
        if context.hasSelinuxOptions, !label.isEmpty, try surroundings.host.kind("/sys/fs/selinux/enforce") == nil {
            throw SwiftletError(
                .failedPrecondition, "SELinux options are set, but this kernel runs without SELinux",
                hint: "drop selinux_options")
        }
        try refuseAppArmor(context)
        if !config.cdiDevices.isEmpty {
            throw SwiftletError(.unimplemented, "CDI devices are not supported", hint: "pass devices by their path")
        }
    }

    /// RuntimeDefault stands for no profile, as everywhere without AppArmor.
    private func refuseAppArmor(_ context: CRILinuxContainerSecurityContext) throws(SwiftletError) {
        let name: String
        if context.hasApparmor {
            switch context.apparmor.profileType {
            case .runtimeDefault, .unconfined: return
            case .localhost: name = context.apparmor.localhostRef
            case .UNRECOGNIZED(let number): throw .invalid("AppArmor profile type \(number) is unknown")
            }
        } else {
            switch context.apparmorProfile {
            case "", "unconfined", "runtime/default": return
            default: name = context.apparmorProfile
            }
        }
        let object = "AppArmor profile \"\(printable(name, limit: 128))\""
        guard try surroundings.host.kind("/sys/kernel/security/apparmor") != nil else {
            throw SwiftletError(
                .failedPrecondition, "this kernel runs without AppArmor", object: object,
                hint: "use RuntimeDefault or Unconfined")
        }
        throw SwiftletError(
            .unimplemented, "profiles by name are not supported yet", object: object,
            hint: "use RuntimeDefault or Unconfined")
    }
}
