import CRI
import Errors
import Launch
import PodNetwork

/// What of a sandbox's configuration is checked and decided before anything is made.
struct SandboxPlanner {
    var namespaces: NamespaceSelection
    var hostname: String
    var sysctls: [SandboxPlan.Sysctl]
    /// Relative to the base cgroup.
    var cgroupParent: String
    var portMappings: [PortMapping]

    /// Errors: `invalidArgument`, `unimplemented`.
    init(_ config: CRIPodSandboxConfig, id: String, hostHostname: String) throws(SwiftletError) {
        let metadata = config.metadata
        for (field, value) in [("name", metadata.name), ("namespace", metadata.namespace), ("uid", metadata.uid)]
        where value.isEmpty || value.utf8.count > 1024 {
            throw .invalid("metadata.\(field) is \(value.isEmpty ? "missing" : "longer than 1024 bytes")")
        }
        namespaces = try NamespaceSelection(sandbox: config.linux.securityContext.namespaceOptions)
        let context = config.linux.securityContext
        if context.hasRunAsGroup, !context.hasRunAsUser {
            throw .invalid("run_as_group is set without run_as_user", hint: "set the user as well")
        }
        hostname =
            namespaces.hostNetwork
            ? hostHostname : try SandboxPlanner.hostname(config.hostname, podName: metadata.name)
        sysctls = try Sysctls.plan(
            config.linux.sysctls, hostNetwork: namespaces.hostNetwork, hostIPC: namespaces.hostIPC,
            owners: namespaces.owners)
        cgroupParent = config.linux.cgroupParent.isEmpty ? "kubepods/pod\(id)" : config.linux.cgroupParent
        if !config.logDirectory.isEmpty { _ = try Paths.normalized(config.logDirectory, "log_directory") }
        portMappings = try config.portMappings.map(SandboxPlanner.mapping)
    }

    /// As sent; otherwise the pod's name as far as it can be a host name.
    private static func hostname(_ requested: String, podName: String) throws(SwiftletError) -> String {
        guard requested.isEmpty else {
            // 64 bytes is what the kernel keeps (uname(2)).
            guard requested.utf8.count <= 64, requested.utf8.allSatisfy({ isHostnameByte($0) }) else {
                throw .invalid(
                    "hostname \"\(printable(requested, limit: 80))\" is no host name",
                    hint: "use up to 64 letters, digits, dots and dashes")
            }
            return requested
        }
        let bytes = podName.utf8.prefix(63).map { isHostnameByte($0) ? $0 : UInt8(ascii: "-") }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isHostnameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func mapping(_ mapping: CRIPortMapping) throws(SwiftletError) -> PortMapping {
        guard let container = UInt16(exactly: mapping.containerPort), let host = UInt16(exactly: mapping.hostPort)
        else {
            throw .invalid(
                "port mapping \(mapping.hostPort) to \(mapping.containerPort) is out of range",
                hint: "ports go from 0 to 65535")
        }
        let transport: PortMapping.Transport =
            switch mapping.`protocol` {
            case .tcp: .tcp
            case .udp: .udp
            case .sctp: .sctp
            case .UNRECOGNIZED(let number): throw .invalid("port mapping protocol \(number) is unknown")
            }
        return PortMapping(transport: transport, containerPort: container, hostPort: host, hostAddress: mapping.hostIp)
    }
}
