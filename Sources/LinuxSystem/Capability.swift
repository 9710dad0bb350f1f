import CCap
import CLinux
import Errors
import Glibc

/// A capability of capabilities(7), known by its number; names are libcap's.
public struct Capability: Sendable, Hashable {
    public let number: UInt32

    public init(number: UInt32) { self.number = number }

    /// By name, with or without `CAP_`, in any case: `NET_ADMIN`, `cap_net_admin`. nil for a name libcap does not know.
    public init?(named name: String) {
        var text = name.lowercased()
        guard !text.isEmpty,
            text.utf8.allSatisfy({ $0 == 0x5f || (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) })
        else { return nil }
        if !text.hasPrefix("cap_") { text = "cap_" + text }
        // libcap takes a number for a name as well; a name from outside must be a name.
        guard !text.dropFirst(4).isEmpty, text.utf8.dropFirst(4).first.map({ $0 >= 0x61 }) == true else { return nil }
        var value = cap_value_t()
        guard cap_from_name(text, &value) == 0, value >= 0, value < 64 else { return nil }
        number = UInt32(value)
    }

    /// `CAP_NET_ADMIN`.
    public var name: String {
        guard let text = cap_to_name(cap_value_t(number)) else { return "CAP_\(number)" }
        defer { cap_free(text) }
        return String(cString: text).uppercased()
    }

    public var bit: UInt64 { number < 64 ? 1 << UInt64(number) : 0 }

    /// Every capability the running kernel has, a bit each.
    public static var allOfKernel: UInt64 {
        let count = cap_max_bits()
        return count >= 64 ? .max : (1 << UInt64(max(count, 0))) - 1
    }
}

/// The steps of taking capabilities away from the calling process, which must have one thread.
public enum ProcessCapabilities {
    /// Removes from the bounding set what is not in `kept`. Needs CAP_SETPCAP.
    public static func limitBounding(to kept: UInt64) throws(SwiftletError) {
        let all = Capability.allOfKernel
        for number in 0..<UInt32(64) where all & (1 << UInt64(number)) != 0 && kept & (1 << UInt64(number)) == 0 {
            try check(
                cap_drop_bound(cap_value_t(number)), "drop from the bounding set", Capability(number: number).name)
        }
    }

    /// What the calling process may have at all: nothing it starts can have more.
    public static func permitted() throws(SwiftletError) -> UInt64 {
        guard let state = cap_get_proc() else { throw systemError(swl_errno(), "cap_get_proc") }
        defer { cap_free(UnsafeMutableRawPointer(state)) }
        var bits: UInt64 = 0
        for number in 0..<UInt32(64) {
            var value = CAP_CLEAR
            if cap_get_flag(state, cap_value_t(number), CAP_PERMITTED, &value) == 0, value == CAP_SET {
                bits |= 1 << UInt64(number)
            }
        }
        return bits
    }

    /// capset(2). Bits the kernel does not know are left out.
    public static func set(effective: UInt64, permitted: UInt64, inheritable: UInt64) throws(SwiftletError) {
        guard let state = cap_init() else { throw systemError(swl_errno(), "cap_init") }
        defer { cap_free(UnsafeMutableRawPointer(state)) }
        for (flag, bits) in [(CAP_EFFECTIVE, effective), (CAP_PERMITTED, permitted), (CAP_INHERITABLE, inheritable)] {
            let values = numbers(bits & Capability.allOfKernel)
            guard !values.isEmpty else { continue }
            try check(cap_set_flag(state, flag, Int32(values.count), values, CAP_SET), "cap_set_flag")
        }
        guard cap_set_proc(state) < 0 else { return }
        var failure = systemError(swl_errno(), "set capabilities")
        let lacking = numbers(permitted & Capability.allOfKernel & ~(try ProcessCapabilities.permitted()))
        if !lacking.isEmpty {
            let names = lacking.map { Capability(number: UInt32($0)).name }.joined(separator: ", ")
            failure.hint = "swiftlet itself lacks \(names) here and cannot give what it has not"
        }
        throw failure
    }

    /// Clears the ambient set and raises `bits` in it; they must be permitted and inheritable.
    public static func setAmbient(_ bits: UInt64) throws(SwiftletError) {
        // libcap's cap_reset_ambient asks for each first.
        try check(swl_prctl(PR_CAP_AMBIENT, UInt(PR_CAP_AMBIENT_CLEAR_ALL), 0, 0, 0), "clear ambient capabilities")
        for value in numbers(bits & Capability.allOfKernel) {
            try check(
                cap_set_ambient(value, CAP_SET), "raise the ambient capability", Capability(number: UInt32(value)).name)
        }
    }

    private static func numbers(_ bits: UInt64) -> [cap_value_t] {
        (0..<64).filter { bits & (1 << UInt64($0)) != 0 }.map { cap_value_t($0) }
    }
}
