import CRI
import Errors
import KubeAPI

/// A pod as CRI's sandbox configuration.
struct SandboxConversion {
    let pod: Pod
    let node: NodeSettings
    /// The ids of its user namespace; nil in the host's.
    var users: UserRange?

    private var reference: PodReference { pod.reference }

    /// Errors: `invalidArgument` for a full name that does not fit where a host name goes; those of reading the machine's
    /// resolv.conf.
    func config(attempt: UInt32) throws(SwiftletError) -> CRIPodSandboxConfig {
        var config = CRIPodSandboxConfig()
        config.metadata.name = reference.name
        config.metadata.namespace = reference.namespace
        config.metadata.uid = reference.uid
        config.metadata.attempt = attempt
        config.hostname = pod.spec.hostNetwork == true ? "" : try sandboxHostname
        config.logDirectory = "\(node.logDirectory)/\(podLogDirectoryName(reference))"
        if let dns = try dns() { config.dnsConfig = dns }
        config.portMappings = portMappings
        config.labels = pod.metadata.labels.merging(podLabels(reference)) { $1 }
        config.annotations = pod.metadata.annotations
        config.annotations[Annotation.configSource] = pod.metadata.annotations[Annotation.configSource] ?? "api"
        config.annotations[Annotation.podGracePeriod] = String(pod.spec.gracePeriodSeconds)
        config.linux = linux
        return config
    }

    /// The kernel keeps 64 characters (uname(2)).
    private var sandboxHostname: String {
        get throws(SwiftletError) {
            guard pod.spec.setHostnameAsFQDN == true, let full = fullHostname(of: pod) else { return hostname(of: pod) }
            guard full.utf8.count <= 64 else {
                throw .invalid(
                    "FQDN \(full) is too long (64 characters is the max, \(full.utf8.count) characters requested)",
                    object: "spec.setHostnameAsFQDN", hint: "shorten hostname, subdomain or namespace")
            }
            return full
        }
    }

    private var linux: CRILinuxPodSandboxConfig {
        var linux = CRILinuxPodSandboxConfig()
        linux.cgroupParent = podCgroup(pod)
        for sysctl in pod.spec.securityContext?.sysctls ?? [] { linux.sysctls[sysctl.name] = sysctl.value }
        linux.resources = podResources(pod, node.bounds)
        var security = CRILinuxSandboxSecurityContext()
        security.namespaceOptions = namespaces(of: pod, users)
        security.privileged = pod.spec.allContainers.contains { $0.securityContext?.privileged == true }
        if let user = pod.spec.securityContext?.runAsUser {
            security.runAsUser.value = user
            // A group without a user is refused.
            if let group = pod.spec.securityContext?.runAsGroup { security.runAsGroup.value = group }
        }
        security.supplementalGroups = podGroups(pod)
        security.seccomp.profileType = .runtimeDefault
        linux.securityContext = security
        return linux
    }

    /// Absent: the runtime copies the machine's. There is no cluster DNS, so ClusterFirst is Default.
    private func dns() throws(SwiftletError) -> CRIDNSConfig? {
        let own = pod.spec.dnsConfig
        var result = CRIDNSConfig()
        if pod.spec.dnsPolicy != DNSPolicy.none {
            guard own != nil else { return nil }
            let machine = try node.resolver()
            result.servers = machine.nameservers
            result.searches = machine.searches
            result.options = machine.options
        }
        result.servers = Array(unique(result.servers + (own?.nameservers ?? [])).prefix(3))
        result.searches = Array(unique(result.searches + (own?.searches ?? [])).prefix(32))
        for option in own?.options ?? [] {
            guard let name = option.name else { continue }
            result.options.removeAll { $0 == name || $0.hasPrefix("\(name):") }
            result.options.append(option.value.map { "\(name):\($0)" } ?? name)
        }
        return result
    }

    private var portMappings: [CRIPortMapping] {
        guard pod.spec.hostNetwork != true else { return [] }
        return (pod.spec.containers + pod.spec.initContainers.filter(\.isSidecar)).flatMap(\.ports).map { port in
            var mapping = CRIPortMapping()
            mapping.containerPort = port.containerPort
            mapping.hostPort = port.hostPort ?? 0
            mapping.hostIp = port.hostIP ?? ""
            switch port.protocol {
            case .udp: mapping.protocol = .udp
            case .sctp: mapping.protocol = .sctp
            case .tcp, nil: mapping.protocol = .tcp
            }
            return mapping
        }
    }
}

func unique(_ values: [String]) -> [String] {
    var seen: Set<String> = []
    return values.filter { seen.insert($0).inserted }
}

/// `hostname` of the spec, else the pod's name, cut to what the kernel takes.
func hostname(of pod: Pod) -> String {
    if let override = pod.spec.hostnameOverride, !override.isEmpty { return String(override.prefix(64)) }
    if let hostname = pod.spec.hostname, !hostname.isEmpty { return hostname }
    var name = String(pod.reference.name.prefix(63))
    while let last = name.last, last == "-" || last == "." { name.removeLast() }
    return name
}

/// The name DNS would know the pod by: with a subdomain, and not where the name is overridden.
func fullHostname(of pod: Pod) -> String? {
    guard let subdomain = pod.spec.subdomain, !subdomain.isEmpty, pod.spec.hostnameOverride?.isEmpty ?? true else {
        return nil
    }
    return "\(hostname(of: pod)).\(subdomain).\(pod.reference.namespace).svc.cluster.local"
}

/// The pod's namespaces; the same for its sandbox and its containers.
func namespaces(of pod: Pod, _ users: UserRange? = nil) -> CRINamespaceOption {
    var options = CRINamespaceOption()
    options.network = pod.spec.hostNetwork == true ? .node : .pod
    options.ipc = pod.spec.hostIPC == true ? .node : .pod
    options.pid = pod.spec.hostPID == true ? .node : pod.spec.shareProcessNamespace == true ? .pod : .container
    if let users { options.usernsOptions = users.options }
    return options
}

func podGroups(_ pod: Pod) -> [Int64] {
    let security = pod.spec.securityContext
    return (security?.fsGroup.map { [$0] } ?? []) + (security?.supplementalGroups ?? [])
}

extension PodSpec {
    var allContainers: [Container] { initContainers + containers }
}
