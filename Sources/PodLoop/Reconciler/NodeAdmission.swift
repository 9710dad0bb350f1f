import KubeAPI

/// What this node refuses a pod for, before anything of it is made: what the API server cannot know, as a kubelet does.
public struct NodeAdmission: Sendable, Equatable {
    /// Sysctls beyond the safe ones that pods may set: names, or beginnings of names before a `*`.
    public var allowedUnsafeSysctls: [String]
    /// Whether the kernel enforces such profiles.
    public var hasAppArmor: Bool
    public var hasSELinux: Bool

    public init(allowedUnsafeSysctls: [String] = [], hasAppArmor: Bool = false, hasSELinux: Bool = false) {
        self.allowedUnsafeSysctls = allowedUnsafeSysctls
        self.hasAppArmor = hasAppArmor
        self.hasSELinux = hasSELinux
    }

    public struct Refusal: Sendable, Equatable {
        /// As it shows in the pod's status.
        public var reason: String
        /// Begins with the field's path.
        public var message: String
    }

    public func refusal(of pod: Pod) -> Refusal? { sysctls(pod) ?? appArmor(pod) ?? seLinux(pod) }

    /// Those that neither reach out of the pod nor use up what others need.
    private static let safeSysctls: Set = [
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
    ]

    private func sysctls(_ pod: Pod) -> Refusal? {
        for (index, sysctl) in (pod.spec.securityContext?.sysctls ?? []).enumerated() {
            let name = dotted(sysctl.name)
            guard !Self.safeSysctls.contains(name), !allowedUnsafeSysctls.contains(where: { covers($0, name) }) else {
                continue
            }
            return Refusal(
                reason: "SysctlForbidden",
                message: "spec.securityContext.sysctls[\(index)].name: forbidden sysctl: \"\(name)\" not allowlisted; "
                    + "swiftletd --allowed-unsafe-sysctls allows others than the safe ones")
        }
        return nil
    }

    private func covers(_ pattern: String, _ name: String) -> Bool {
        pattern.hasSuffix("*") ? name.hasPrefix(pattern.dropLast()) : dotted(pattern) == name
    }

    /// sysctl(8): a name whose first separator is a slash has its dots for what they are.
    private func dotted(_ name: String) -> String {
        guard name.first(where: { $0 == "." || $0 == "/" }) == "/" else { return name }
        return String(name.map { $0 == "/" ? "." : $0 == "." ? "/" : $0 })
    }

    private func appArmor(_ pod: Pod) -> Refusal? {
        let asked =
            [("spec.securityContext", pod.spec.securityContext?.appArmorProfile)]
            + pod.spec.containersByPath.map { ("\($0).securityContext", $1.securityContext?.appArmorProfile) }
        guard let (path, _) = asked.first(where: { $1.map { $0.type != .unconfined } ?? false }) else { return nil }
        let why = hasAppArmor ? "Swiftlet does not load AppArmor profiles yet" : "AppArmor is not enabled on the host"
        return Refusal(reason: "AppArmor", message: "\(path).appArmorProfile: Cannot enforce AppArmor: \(why)")
    }

    private func seLinux(_ pod: Pod) -> Refusal? {
        guard !hasSELinux else { return nil }
        let asked =
            [("spec.securityContext", pod.spec.securityContext?.seLinuxOptions)]
            + pod.spec.containersByPath.map { ("\($0).securityContext", $1.securityContext?.seLinuxOptions) }
        guard let (path, _) = asked.first(where: { $1 != nil }) else { return nil }
        return Refusal(
            reason: "SELinux", message: "\(path).seLinuxOptions: Cannot enforce SELinux: the kernel runs without it")
    }
}

extension PodSpec {
    /// Every container with the path of its place in the pod.
    var containersByPath: [(path: String, container: Container)] {
        initContainers.enumerated().map { ("spec.initContainers[\($0)]", $1) }
            + containers.enumerated().map { ("spec.containers[\($0)]", $1) }
    }
}
