import CRI
import Cgroups
import Errors
import Launch

/// The device nodes and links below a container's /dev.
enum DevicePlanner {
    /// Every container has them (OCI runtime-spec, default devices).
    static let standard = [
        DevicePlan(path: "/dev/null", hostPath: "/dev/null", major: 1, minor: 3),
        DevicePlan(path: "/dev/zero", hostPath: "/dev/zero", major: 1, minor: 5),
        DevicePlan(path: "/dev/full", hostPath: "/dev/full", major: 1, minor: 7),
        DevicePlan(path: "/dev/random", hostPath: "/dev/random", major: 1, minor: 8),
        DevicePlan(path: "/dev/urandom", hostPath: "/dev/urandom", major: 1, minor: 9),
        DevicePlan(path: "/dev/tty", hostPath: "/dev/tty", major: 5, minor: 0),
    ]

    static let links = [
        LinkPlan(path: "/dev/fd", target: "/proc/self/fd"),
        LinkPlan(path: "/dev/stdin", target: "/proc/self/fd/0"),
        LinkPlan(path: "/dev/stdout", target: "/proc/self/fd/1"),
        LinkPlan(path: "/dev/stderr", target: "/proc/self/fd/2"),
        LinkPlan(path: "/dev/ptmx", target: "pts/ptmx"),
        LinkPlan(path: "/dev/core", target: "/proc/kcore"),
    ]

    /// The standard ones, the container's, and all of the host's for a privileged one; each path once.
    static func plan(
        _ requested: [CRIDevice], privileged: Bool, host: any HostView
    ) throws(SwiftletError) -> [DevicePlan] {
        var devices = standard
        for device in requested {
            let path = try Paths.normalized(
                device.containerPath.isEmpty ? device.hostPath : device.containerPath, "device")
            let source = try Paths.normalized(device.hostPath, "host_path of device")
            guard let file = try host.kind(source) else {
                throw SwiftletError(
                    .failedPrecondition, "the host has no such device", object: "device \(printable(source))")
            }
            guard let plan = plan(path, source, file) else {
                throw .invalid("it is no character or block device", object: "device \(printable(source))")
            }
            guard device.permissions.utf8.allSatisfy({ "rwm".utf8.contains($0) }) else {
                throw .invalid(
                    "permissions \"\(printable(device.permissions, limit: 16))\" are not of r, w and m",
                    object: "device \(printable(source))")
            }
            devices.append(plan)
        }
        if privileged { devices += try host.devices().compactMap { plan($0.path, $0.path, $0.file) } }
        var seen: Set<String> = ["/dev/ptmx"]
        // The container's own wish for a path wins over the standard node.
        return devices.reversed().filter { seen.insert($0.path).inserted }.reversed()
    }

    /// What the container may do with devices: the standard rules, and for each of its own devices the permissions asked for.
    static func rules(_ requested: [CRIDevice], host: any HostView) throws(SwiftletError) -> [DeviceRule] {
        var rules = DeviceRule.standard
        for device in requested {
            var access: DeviceRule.Access = device.permissions.isEmpty ? .all : []
            if device.permissions.contains("r") { access.insert(.read) }
            if device.permissions.contains("w") { access.insert(.write) }
            if device.permissions.contains("m") { access.insert(.make) }
            switch try host.kind(Paths.normalized(device.hostPath, "host_path of device")) {
            case .character(let major, let minor, _, _, _): rules.append(DeviceRule(.character, major, minor, access))
            case .block(let major, let minor, _, _, _): rules.append(DeviceRule(.block, major, minor, access))
            default: break
            }
        }
        return rules
    }

    private static func plan(_ path: String, _ source: String, _ file: HostFile) -> DevicePlan? {
        switch file {
        case .character(let major, let minor, let mode, let user, let group):
            DevicePlan(
                path: path, hostPath: source, kind: .character, major: major, minor: minor, mode: mode, user: user,
                group: group)
        case .block(let major, let minor, let mode, let user, let group):
            DevicePlan(
                path: path, hostPath: source, kind: .block, major: major, minor: minor, mode: mode, user: user,
                group: group)
        default: nil
        }
    }
}
