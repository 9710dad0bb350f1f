import CRI
import Errors
import Launch
import LinuxSystem

/// The capabilities of a container by CRI's rules: the default set, or all when ALL is added, or none when ALL is
/// dropped; then what is added, then what is dropped.
enum CapabilitySelection {
    /// What containers get by default (the field's 14).
    static let defaults: UInt64 = [
        "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
        "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
    ].reduce(0) { $0 | (Capability(named: $1)?.bit ?? 0) }

    /// Of the default set, what is left where nothing keeps containers from opening the nodes that they make.
    static let withoutDeviceFilter: UInt64 = defaults & ~(Capability(named: "MKNOD")?.bit ?? 0)

    /// `available` is what the daemon itself has: more it cannot give. A name it lacks is refused; in ALL and in the
    /// default set it is left out.
    static func sets(
        _ request: CRICapability, privileged: Bool, available: UInt64, defaults: UInt64 = defaults
    ) throws(SwiftletError) -> CapabilitySets {
        var sets = CapabilitySets()
        if privileged {
            sets.bounding = available
        } else {
            sets.bounding = try selected(request, available: available, defaults: defaults)
        }
        sets.ambient = try bits(request.addAmbientCapabilities, "add_ambient_capabilities", available: available)
        sets.bounding |= sets.ambient
        sets.permitted = sets.bounding
        sets.effective = sets.bounding
        sets.inheritable = sets.ambient
        return sets
    }

    private static func selected(
        _ request: CRICapability, available: UInt64, defaults: UInt64
    ) throws(SwiftletError) -> UInt64 {
        let addsAll = request.addCapabilities.contains(where: isAll)
        let dropsAll = request.dropCapabilities.contains(where: isAll)
        var selected = addsAll ? available : dropsAll ? 0 : defaults & available
        let added = request.addCapabilities.filter { !isAll($0) }
        selected |= try bits(added, "add_capabilities", available: available)
        let dropped = request.dropCapabilities.filter { !isAll($0) }
        return selected & ~(try bits(dropped, "drop_capabilities", available: .max))
    }

    private static func isAll(_ name: String) -> Bool { name.uppercased() == "ALL" || name.uppercased() == "CAP_ALL" }

    private static func bits(
        _ names: [String], _ field: String, available: UInt64
    ) throws(SwiftletError) -> UInt64 {
        var bits: UInt64 = 0
        for name in names {
            guard let capability = Capability(named: name) else {
                throw .invalid(
                    "\"\(printable(name, limit: 64))\" in \(field) is no capability",
                    hint: "capabilities(7) lists their names, as in NET_ADMIN")
            }
            guard available & capability.bit != 0 else {
                throw SwiftletError(
                    .permissionDenied, "\(field) asks for \(capability.name), which the daemon itself does not have",
                    hint: "start swiftletd with that capability")
            }
            bits |= capability.bit
        }
        return bits
    }

    /// Upper-case names without `CAP_`, as seccomp profiles use them.
    static func names(_ bits: UInt64) -> Set<String> {
        Set((0..<64).filter { bits & (1 << UInt64($0)) != 0 }.map { String(Capability(number: $0).name.dropFirst(4)) })
    }
}
