import Errors
import LinuxSystem

/// The ranges that pods get their addresses from: one of IPv4, one of IPv6, or one alone.
public struct PodRanges: Sendable, Hashable {
    public var ipv4: AddressRange?
    public var ipv6: AddressRange?

    /// Private ranges that Docker, podman, k3s and minikube leave alone.
    public static let standard = "10.85.0.0/16,fd00:85::/64"

    public init(ipv4: AddressRange?, ipv6: AddressRange?) {
        self.ipv4 = ipv4
        self.ipv6 = ipv6
    }

    /// CIDRs separated by a comma, one a family, in any order.
    public init(parsing text: String) throws(SwiftletError) {
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let range = try AddressRange(parsing: part.trimmed)
            if let taken = range.isIPv6 ? ipv6 : ipv4 {
                throw .invalid(
                    "\(taken) and \(range) are both of \(range.isIPv6 ? "IPv6" : "IPv4")",
                    hint: "give one range a family")
            }
            try PodRanges.check(range)
            if range.isIPv6 { ipv6 = range } else { ipv4 = range }
        }
    }

    private static let unusable = [
        "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/8", "fe80::/10", "ff00::/8",
    ]

    private static func check(_ range: AddressRange) throws(SwiftletError) {
        let smallest = range.isIPv6 ? 126 : 30
        guard range.prefix <= smallest else {
            throw .invalid(
                "\(range) has no room for a gateway and a pod", hint: "give a range of at least /\(smallest)")
        }
        for text in unusable {
            let reserved = try AddressRange(parsing: text)
            if range.overlaps(reserved) {
                throw .invalid(
                    "\(range) overlaps \(reserved), whose addresses no pod can have",
                    hint: "give a private range, such as 10.85.0.0/16 or fd00:85::/64")
            }
        }
    }

    /// IPv4 first.
    public var all: [AddressRange] { [ipv4, ipv6].compactMap(\.self) }
}

extension PodRanges: CustomStringConvertible {
    public var description: String { all.map(\.description).joined(separator: ",") }
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

extension AddressRange {
    /// The host's own address in the range, which pods send everything to.
    var gateway: IPAddress { base.advanced(by: 1) }

    /// The highest number an address of a pod can have, counted from the base. IPv4 keeps the last one for broadcasts.
    var lastSlot: UInt64 {
        let size = last.value - base.value
        return UInt64(clamping: isIPv6 ? size : size - 1)
    }
}
