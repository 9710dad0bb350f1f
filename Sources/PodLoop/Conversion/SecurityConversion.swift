import CRI
import Errors
import KubeAPI

/// Paths that show or change too much of the machine; what Kubernetes' container runtimes hide by default.
enum StandardPaths {
    static let masked = [
        "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
        "/sys/devices/virtual/powercap",
    ]
    static let readonly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
}

/// The pod's and the container's security contexts as one; the container's word wins.
struct SecurityConversion {
    let pod: Pod
    let container: Container
    let node: NodeSettings
    var users: UserRange?

    private var own: SecurityContext? { container.securityContext }
    private var pods: PodSecurityContext? { pod.spec.securityContext }
    private var isPrivileged: Bool { own?.privileged == true }
    var runAsUser: Int64? { own?.runAsUser ?? pods?.runAsUser }
    private var runAsGroup: Int64? { own?.runAsGroup ?? pods?.runAsGroup }

    /// `imageUser`: the user of the image where the pod says none. Throws `invalidArgument` for a request that cannot be
    /// met.
    func context(imageUser: ImageUser) throws(SwiftletError) -> CRILinuxContainerSecurityContext {
        try checkNonRoot(imageUser)
        var context = CRILinuxContainerSecurityContext()
        context.privileged = isPrivileged
        context.namespaceOptions = namespaces(of: pod, users)
        context.readonlyRootfs = own?.readOnlyRootFilesystem == true
        if let user = runAsUser { context.runAsUser.value = user }
        try setGroups(&context, imageUser)
        context.noNewPrivs = own?.allowPrivilegeEscalation == false && !isPrivileged
        for name in own?.capabilities?.add ?? [] { context.capabilities.addCapabilities.append(name) }
        for name in own?.capabilities?.drop ?? [] { context.capabilities.dropCapabilities.append(name) }
        context.seccomp = try seccomp()
        if let profile = own?.appArmorProfile ?? pods?.appArmorProfile {
            context.apparmor.profileType =
                switch profile.type {
                case .runtimeDefault: .runtimeDefault
                case .unconfined: .unconfined
                case .localhost: .localhost
                }
            context.apparmor.localhostRef = profile.localhostProfile ?? ""
        }
        if let label = own?.seLinuxOptions ?? pods?.seLinuxOptions {
            context.selinuxOptions.user = label.user ?? ""
            context.selinuxOptions.role = label.role ?? ""
            context.selinuxOptions.type = label.type ?? ""
            context.selinuxOptions.level = label.level ?? ""
        }
        if !isPrivileged, own?.procMount != "Unmasked" {
            context.maskedPaths = StandardPaths.masked
            context.readonlyPaths = StandardPaths.readonly
        }
        return context
    }

    private func setGroups(
        _ context: inout CRILinuxContainerSecurityContext, _ imageUser: ImageUser
    ) throws(SwiftletError) {
        context.supplementalGroups = podGroups(pod)
        if pods?.supplementalGroupsPolicy == "Strict" { context.supplementalGroupsPolicy = .strict }
        guard let group = runAsGroup else { return }
        context.runAsGroup.value = group
        guard runAsUser == nil else { return }
        // CRI takes a group only together with a user: the image's is named then.
        switch imageUser {
        case .id(let user): context.runAsUser.value = user
        case .name(let name): context.runAsUsername = name
        }
    }

    private func checkNonRoot(_ imageUser: ImageUser) throws(SwiftletError) {
        guard own?.runAsNonRoot ?? pods?.runAsNonRoot ?? false else { return }
        let name = podText(pod.reference)
        if let user = runAsUser {
            guard user == 0 else { return }
            throw .invalid(
                "container's runAsUser breaks non-root policy (pod: \"\(name)\", container: \(container.name))",
                hint: "set runAsUser to a number above 0")
        }
        switch imageUser {
        case .id(0):
            throw .invalid(
                "container has runAsNonRoot and image will run as root (pod: \"\(name)\", container: \(container.name))",
                hint: "set runAsUser to a number above 0")
        case .name(let user):
            throw .invalid(
                "container has runAsNonRoot and image has non-numeric user (\(printable(user))), cannot verify user is "
                    + "non-root (pod: \"\(name)\", container: \(container.name))", hint: "set runAsUser to its number")
        case .id: return
        }
    }

    /// Swiftlet applies its default profile where a pod says nothing, as a kubelet with `seccompDefault` does.
    private func seccomp() throws(SwiftletError) -> CRISecurityProfile {
        var profile = CRISecurityProfile()
        guard !isPrivileged else {
            profile.profileType = .unconfined
            return profile
        }
        let asked = own?.seccompProfile ?? pods?.seccompProfile
        switch asked?.type {
        case nil, .runtimeDefault: profile.profileType = .runtimeDefault
        case .unconfined: profile.profileType = .unconfined
        case .localhost:
            guard let file = asked?.localhostProfile, !file.isEmpty, !file.hasPrefix("/"),
                !file.split(separator: "/").contains("..")
            else {
                throw .invalid(
                    "seccompProfile.localhostProfile must be a path below \(node.seccompProfileDirectory) without ..")
            }
            profile.profileType = .localhost
            profile.localhostRef = "\(node.seccompProfileDirectory)/\(file)"
        }
        return profile
    }
}

/// The user an image asks to run as.
enum ImageUser: Sendable, Equatable {
    case id(Int64)
    case name(String)

    init(_ image: CRIImage) {
        if image.hasUid {
            self = .id(image.uid.value)
        } else if image.username.isEmpty {
            self = .id(0)
        } else {
            self = .name(image.username)
        }
    }
}
