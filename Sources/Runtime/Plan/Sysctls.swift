import Errors
import Launch
import LinuxSystem

/// The sysctls of a sandbox: only those that belong to a namespace of its own, for any other would change the host.
enum Sysctls {
    /// What pods with a network of their own get unless they say otherwise.
    private static let defaults = [
        "net.ipv4.ip_unprivileged_port_start": "0",
        "net.ipv4.ping_group_range": "0 2147483647",
    ]
    private static let ipcNames: Set = [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
        "kernel.shmmni", "kernel.shm_rmid_forced",
    ]

    /// Sorted by name. Errors: `invalidArgument`.
    static func plan(
        _ requested: [String: String], hostNetwork: Bool, hostIPC: Bool, owners: IDMapping? = nil
    ) throws(SwiftletError) -> [SandboxPlan.Sysctl] {
        var values: [String: String] = hostNetwork ? [:] : defaults
        // Only groups that the pod's user namespace has can be written from inside it.
        if !hostNetwork, let groups = owners?.groups.first {
            values["net.ipv4.ping_group_range"] = "0 \(min(groups.count - 1, 2_147_483_647))"
        }
        for (name, value) in requested {
            let plain = try normalized(name)
            try check(plain, hostNetwork: hostNetwork, hostIPC: hostIPC)
            guard !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f || $0 == 0x09 }) else {
                throw .invalid(
                    "the value \"\(printable(value, limit: 64))\" of sysctl \(plain) is not one line of text")
            }
            values[plain] = value
        }
        return values.sorted { $0.key < $1.key }.map { SandboxPlan.Sysctl($0.key, $0.value) }
    }

    /// sysctl(8): both separators are known; the first one found is it, and the other stands for itself then.
    private static func normalized(_ name: String) throws(SwiftletError) -> String {
        let allowed = name.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        let slashed =
            name.utf8.first(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }) == UInt8(ascii: "/")
        let plain = slashed ? name.split(separator: "/", omittingEmptySubsequences: false).joined(separator: ".") : name
        let parts = plain.split(separator: ".", omittingEmptySubsequences: false)
        guard allowed, parts.count > 1, !parts.contains(where: \.isEmpty), !slashed || !name.contains(".") else {
            throw .invalid(
                "\"\(printable(name, limit: 128))\" is no sysctl's name", hint: "write it as net.core.somaxconn")
        }
        return plain
    }

    private static func check(_ name: String, hostNetwork: Bool, hostIPC: Bool) throws(SwiftletError) {
        if name.hasPrefix("net.") {
            guard !hostNetwork else { throw .invalid("sysctl \(name) is the host's for a pod on the host's network") }
        } else if ipcNames.contains(name) || name.hasPrefix("fs.mqueue.") {
            guard !hostIPC else { throw .invalid("sysctl \(name) is the host's for a pod in the host's IPC namespace") }
        } else {
            throw .invalid(
                "sysctl \(name) does not belong to a namespace of the pod and would change the host",
                hint: "set it on the host, or drop it")
        }
    }
}
