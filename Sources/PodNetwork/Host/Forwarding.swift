import Errors
import Logging

/// Whether the host passes packets on between its interfaces, which pods need for everything beyond the host.
struct Forwarding: Sendable {
    let ranges: PodRanges
    let logger: Logger

    private static let setting4 = "ipv4/ip_forward"
    private static let setting6 = "ipv6/conf/all/forwarding"

    /// Switches it on where it is off.
    func ensure() throws(SwiftletError) {
        if ranges.ipv4 != nil { try switchOn(Forwarding.setting4) {} }
        if ranges.ipv6 != nil {
            try switchOn(Forwarding.setting6) { () throws(SwiftletError) in try keepAutoconfiguration() }
        }
    }

    private func switchOn(_ setting: String, before: () throws(SwiftletError) -> Void) throws(SwiftletError) {
        guard let value = try Sysctl.read(setting) else {
            throw SwiftletError(
                .failedPrecondition, "the kernel has no net.\(Forwarding.dotted(setting))",
                hint: "start swiftletd with a --pod-cidr of the other family only")
        }
        if value != "0" { return }
        do {
            try before()
            try Sysctl.write(setting, "1")
        } catch {
            throw SwiftletError(
                .failedPrecondition,
                "net.\(Forwarding.dotted(setting)) is 0 and cannot be switched on: \(error.reason)",
                hint: "run sysctl -w net.\(Forwarding.dotted(setting))=1")
        }
        logger.notice("switched net.\(Forwarding.dotted(setting)) on: pods reach the world through this host")
    }

    private static func dotted(_ setting: String) -> String {
        String(setting.map { $0 == "/" ? "." : $0 })
    }

    /// A host that forwards IPv6 ignores router advertisements, and with them its own default route, on every interface
    /// whose accept_ra is 1. Where it is, 2 says: also when forwarding.
    private func keepAutoconfiguration() throws(SwiftletError) {
        for name in try Sysctl.names("ipv6/conf") where name != "all" && name != "lo" {
            let setting = "ipv6/conf/\(name)/accept_ra"
            if try Sysctl.read(setting) == "1" { try Sysctl.write(setting, "2") }
        }
    }
}
