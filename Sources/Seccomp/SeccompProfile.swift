import Errors
import JSON

/// A seccomp profile in the form of OCI's runtime-spec `linux.seccomp`.
public struct SeccompProfile: Sendable, Hashable {
    public enum Action: Sendable, Hashable {
        case allow, log, trap, killThread, killProcess
        case errno(UInt16)
        case trace(UInt16)
    }

    /// Holds when `argument <op> value`, or for maskedEqual when `argument & value == second`.
    public struct Condition: Sendable, Hashable {
        public enum Comparison: String, Sendable {
            case notEqual = "SCMP_CMP_NE"
            case less = "SCMP_CMP_LT"
            case lessOrEqual = "SCMP_CMP_LE"
            case equal = "SCMP_CMP_EQ"
            case greaterOrEqual = "SCMP_CMP_GE"
            case greater = "SCMP_CMP_GT"
            case maskedEqual = "SCMP_CMP_MASKED_EQ"
        }

        /// 0…5.
        public var index: UInt32
        public var comparison: Comparison
        public var value: UInt64
        public var second: UInt64

        public init(_ index: UInt32, _ comparison: Comparison, _ value: UInt64, second: UInt64 = 0) {
            self.index = index
            self.comparison = comparison
            self.value = value
            self.second = second
        }
    }

    /// Every name gets the action when all conditions hold.
    public struct Rule: Sendable, Hashable {
        public var names: [String]
        public var action: Action
        public var conditions: [Condition]

        public init(_ names: [String], _ action: Action, _ conditions: [Condition] = []) {
            self.names = names
            self.action = action
            self.conditions = conditions
        }
    }

    public var defaultAction: Action
    /// SCMP_ARCH names without the prefix; the machine's own is always covered.
    public var architectures: [String]
    public var rules: [Rule]

    public init(defaultAction: Action, architectures: [String], rules: [Rule]) {
        self.defaultAction = defaultAction
        self.architectures = architectures
        self.rules = rules
    }

    /// The profile `RuntimeDefault` stands for, for a container with these capabilities in its bounding set (upper-case
    /// names without `CAP_`).
    public static func runtimeDefault(boundingSet: Set<String>) -> SeccompProfile {
        var allowed = DefaultSyscalls.always
        for (capability, names) in DefaultSyscalls.byCapability where boundingSet.contains(capability) {
            allowed += names
        }
        let native = SeccompProfile.nativeArchitecture
        allowed += DefaultSyscalls.byArchitecture[native] ?? []
        allowed.sort()
        let personalities: [UInt64] = [0, 8, 0x20000, 0x20008, 0xffff_ffff]
        // Every socket family but AF_ALG (38) and AF_VSOCK (40).
        var rules = [
            Rule(allowed, .allow),
            Rule(["socket"], .allow, [Condition(0, .less, 38)]),
            Rule(["socket"], .allow, [Condition(0, .equal, 39)]),
            Rule(["socket"], .allow, [Condition(0, .greater, 40)]),
        ]
        rules += personalities.map { Rule(["personality"], .allow, [Condition(0, .equal, $0)]) }
        if !boundingSet.contains("SYS_ADMIN") {
            // No flag that makes a namespace. clone3 hides its flags from a filter: libc falls back to clone on ENOSYS (38).
            rules.append(Rule(["clone"], .allow, [Condition(0, .maskedEqual, 0x7E02_0000, second: 0)]))
            rules.append(Rule(["clone3"], .errno(38)))
        }
        return SeccompProfile(
            defaultAction: .errno(1), architectures: [native] + (DefaultSyscalls.compatible[native] ?? []), rules: rules
        )
    }

    static var nativeArchitecture: String {
        #if arch(x86_64)
            "X86_64"
        #elseif arch(arm64)
            "AARCH64"
        #elseif arch(riscv64)
            "RISCV64"
        #endif
    }
}
