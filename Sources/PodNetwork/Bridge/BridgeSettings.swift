import Errors
import Glibc
import LinuxSystem

/// What a daemon's pod network is called and where it keeps what it knows.
public struct BridgeSettings: Sendable {
    /// Marks what is ours: the name of the nftables table, the note on links. Of each run directory its own.
    let identity: String
    /// The bridge's name.
    public let bridge: String
    let ranges: PodRanges
    let directory: String
    /// Looked at once: below /proc/sys/net the kernel looks through all namespaces' entries.
    let kernelHasIPv6 = access("/proc/sys/net/ipv6", F_OK) == 0

    public static let standardRun = "/run/swiftlet"

    /// `bridge` nil: a name of the run directory's own. `ranges` nil: the standard ones, of the families the kernel has.
    /// Errors: `invalidArgument` that names the flag.
    public init(run: String, bridge: String? = nil, ranges: String? = nil) throws(SwiftletError) {
        let hash = BridgeSettings.hash(run)
        let isStandard = run == BridgeSettings.standardRun
        identity = isStandard ? "swiftlet" : "swiftlet-\(hash)"
        self.bridge = bridge ?? (isStandard ? "swiftlet0" : "swl-\(hash.prefix(10))")
        directory = "\(run)/network"
        try BridgeSettings.check(name: self.bridge)
        if let ranges {
            do { self.ranges = try PodRanges(parsing: ranges) } catch { throw error.during("read", "--pod-cidr") }
        } else {
            var standard = try PodRanges(parsing: PodRanges.standard)
            if !(try BridgeSettings.hasIPv6()) { standard.ipv6 = nil }
            self.ranges = standard
        }
    }

    /// The bridge's hardware address: fixed, because pods know it by heart.
    var hardware: HardwareAddress {
        HardwareAddress(0x0a, 0x53, UInt32(truncatingIfNeeded: BridgeSettings.number(identity)))
    }

    /// The note on a pod's link.
    func alias(_ sandboxID: String) -> String { "\(identity):\(sandboxID)" }

    /// The sandbox whose link bears the note; nil when it is not one of ours.
    func sandboxID(alias: String) -> String? {
        alias.hasPrefix(identity + ":") ? String(alias.dropFirst(identity.utf8.count + 1)) : nil
    }

    private static func check(name: String) throws(SwiftletError) {
        let fits = (1...15).contains(name.utf8.count) && name != "." && name != ".."
        guard fits, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2f && $0 != 0x3a && $0 != 0x25 }) else {
            throw .invalid(
                "\"\(printable(name, limit: 40))\" is no name of an interface", object: "--bridge",
                hint: "give 1 to 15 visible ASCII characters without / : and %")
        }
    }

    private static func hasIPv6() throws(SwiftletError) -> Bool {
        try Sysctl.read("ipv6/conf/all/disable_ipv6") == "0"
    }

    /// FNV-1a, 64 bits: the same for the same text at every start.
    private static func number(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    private static func hash(_ text: String) -> String {
        let digits = String(number(text), radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
