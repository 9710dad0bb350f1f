import CLinux
import Errors
import Glibc

/// An IPv4 or IPv6 address.
public struct IPAddress: Hashable, Sendable, Comparable {
    public let isIPv6: Bool
    /// In an IPv4 address the low 32 bits.
    public let value: UInt128

    public init(isIPv6: Bool, value: UInt128) {
        self.isIPv6 = isIPv6
        self.value = value
    }

    /// 4 or 16 bytes in network order; nil for any other number of them.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.init(isIPv6: bytes.count == 16, value: bytes.reduce(0) { $0 << 8 | UInt128($1) })
    }

    /// What inet_pton(3) takes. Zones (`%eth0`) are no part of an address.
    public init?(_ text: String) {
        var buffer = [UInt8](repeating: 0, count: 16)
        guard !text.utf8.contains(0) else { return nil }
        if inet_pton(AF_INET, text, &buffer) == 1 {
            self.init(bytes: buffer[..<4])
        } else if inet_pton(AF_INET6, text, &buffer) == 1 {
            self.init(bytes: buffer)
        } else {
            return nil
        }
    }

    public static let loopback4 = IPAddress(isIPv6: false, value: 0x7f00_0001)
    public static let loopback6 = IPAddress(isIPv6: true, value: 1)

    public var family: Int32 { isIPv6 ? AF_INET6 : AF_INET }
    public var width: Int { isIPv6 ? 128 : 32 }
    /// 0.0.0.0 or ::.
    public var isUnspecified: Bool { value == 0 }

    /// In network order.
    public var bytes: [UInt8] {
        stride(from: width - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.isIPv6 == right.isIPv6 ? left.value < right.value : !left.isIPv6
    }

    /// The address `count` further on.
    public func advanced(by count: UInt64) -> IPAddress { IPAddress(isIPv6: isIPv6, value: value + UInt128(count)) }
}

extension IPAddress: CustomStringConvertible {
    public var description: String {
        var text = [CChar](repeating: 0, count: 64)
        let bytes = bytes
        guard inet_ntop(family, bytes, &text, 64) != nil else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A range of addresses in CIDR notation: `10.85.0.0/16`.
public struct AddressRange: Hashable, Sendable {
    public let base: IPAddress
    public let prefix: Int

    /// The range of that size that holds the address.
    public init(containing address: IPAddress, prefix: Int) {
        self.prefix = Swift.min(Swift.max(prefix, 0), address.width)
        let host = address.width - self.prefix
        // A shift by the whole width gives 0.
        base = IPAddress(isIPv6: address.isIPv6, value: (address.value >> UInt128(host)) << UInt128(host))
    }

    /// Errors: `invalidArgument` that says what a range looks like, or which one was meant.
    public init(parsing text: String) throws(SwiftletError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), parts[1].utf8.count <= 3,
            parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let prefix = Int(parts[1]),
            prefix <= address.width
        else {
            throw .invalid(
                "\"\(printable(text, limit: 64))\" is no range of addresses",
                hint: "write address/prefix, such as 10.85.0.0/16 or fd00:85::/64")
        }
        self.init(containing: address, prefix: prefix)
        guard base == address else {
            throw .invalid(
                "\(address)/\(prefix) is an address with its prefix, no range of addresses", hint: "write \(self)")
        }
    }

    public var isIPv6: Bool { base.isIPv6 }

    /// The last address.
    public var last: IPAddress {
        let host = UInt128(base.width - prefix)
        let ones = host == 128 ? UInt128.max : (1 << host) - 1
        return IPAddress(isIPv6: isIPv6, value: base.value | ones)
    }

    public func contains(_ address: IPAddress) -> Bool {
        address.isIPv6 == isIPv6 && base.value <= address.value && address.value <= last.value
    }

    public func overlaps(_ other: AddressRange) -> Bool {
        isIPv6 == other.isIPv6 && base.value <= other.last.value && other.base.value <= last.value
    }
}

extension AddressRange: CustomStringConvertible {
    public var description: String { "\(base)/\(prefix)" }
}
