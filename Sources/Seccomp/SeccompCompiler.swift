import CSeccomp
import Errors
import Glibc
import Synchronization

/// Profiles compiled to the kernel's filter programs by libseccomp, each once: building one takes milliseconds, and most
/// containers share one profile.
public final class SeccompCompiler: Sendable {
    private let programs = Mutex<[SeccompProfile: [UInt8]]>([:])
    /// More distinct profiles than any machine has in use; past it the cache starts over.
    private static let capacity = 64

    public init() {}

    /// The program as the bytes of an array of `struct sock_filter` (seccomp(2)). Names that libseccomp does not know are
    /// skipped, as newer profiles name calls that older kernels lack. Errors: `invalidArgument`, `internal`. Blocks for some ms.
    public func program(for profile: SeccompProfile) throws(SwiftletError) -> [UInt8] {
        if let known = programs.withLock({ $0[profile] }) { return known }
        let program = try compile(profile)
        programs.withLock {
            if $0.count >= SeccompCompiler.capacity { $0.removeAll() }
            $0[profile] = program
        }
        return program
    }

    private func compile(_ profile: SeccompProfile) throws(SwiftletError) -> [UInt8] {
        guard let context = seccomp_init(code(profile.defaultAction)) else {
            throw .invalid("libseccomp refuses the default action")
        }
        defer { seccomp_release(context) }
        for name in profile.architectures {
            let token = seccomp_arch_resolve_name(name.lowercased())
            guard token != 0 else {
                throw .invalid("architecture SCMP_ARCH_\(printable(name)) is unknown to libseccomp")
            }
            try expect(seccomp_arch_add(context, token), "add architecture \(name)", besides: -EEXIST)
        }
        // A binary tree over the call numbers: 0.08 ms to load where the linear form takes 0.5.
        try expect(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2), "choose the tree form")
        for rule in profile.rules where rule.action != profile.defaultAction { try add(rule, to: context) }
        return try export(context)
    }

    private func add(_ rule: SeccompProfile.Rule, to context: scmp_filter_ctx) throws(SwiftletError) {
        let arguments = rule.conditions.map {
            scmp_arg_cmp(arg: $0.index, op: comparison($0.comparison), datum_a: $0.value, datum_b: $0.second)
        }
        for name in rule.names {
            let number = seccomp_syscall_resolve_name(name)
            guard number != unknownSyscall else { continue }
            let result = seccomp_rule_add_array(context, code(rule.action), number, UInt32(arguments.count), arguments)
            // A call that one of the architectures lacks cannot be filtered there and needs not be.
            try expect(result, "rule for \(printable(name))", besides: -EDOM)
        }
    }

    /// libseccomp 2.5 exports to a descriptor only.
    private func export(_ context: scmp_filter_ctx) throws(SwiftletError) -> [UInt8] {
        let descriptor = swl_program_file()
        guard descriptor >= 0 else {
            throw SwiftletError(.internal, "no memory file for the seccomp program", errno: errno)
        }
        defer { close(descriptor) }
        try expect(seccomp_export_bpf(context, descriptor), "export the program")
        let size = Int(lseek(descriptor, 0, SEEK_END))
        var program = [UInt8](repeating: 0, count: max(size, 0))
        let count = program.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        guard size > 0, count == size, size % 8 == 0 else {
            throw SwiftletError(.internal, "libseccomp exported \(size) bytes, which is no filter program")
        }
        return program
    }

    private func expect(_ result: Int32, _ what: String, besides ignored: Int32 = 0) throws(SwiftletError) {
        guard result == 0 || result == ignored else {
            throw SwiftletError(
                .invalidArgument, "libseccomp: \(what): \(String(cString: strerror(-result)))", errno: -result)
        }
    }

    private func code(_ action: SeccompProfile.Action) -> UInt32 {
        switch action {
        case .allow: 0x7fff_0000
        case .log: 0x7ffc_0000
        case .trap: 0x0003_0000
        case .killThread: 0x0000_0000
        case .killProcess: 0x8000_0000
        case .errno(let value): 0x0005_0000 | UInt32(value)
        case .trace(let value): 0x7ff0_0000 | UInt32(value)
        }
    }

    private func comparison(_ comparison: SeccompProfile.Condition.Comparison) -> scmp_compare {
        switch comparison {
        case .notEqual: SCMP_CMP_NE
        case .less: SCMP_CMP_LT
        case .lessOrEqual: SCMP_CMP_LE
        case .equal: SCMP_CMP_EQ
        case .greaterOrEqual: SCMP_CMP_GE
        case .greater: SCMP_CMP_GT
        case .maskedEqual: SCMP_CMP_MASKED_EQ
        }
    }
}

/// `__NR_SCMP_ERROR` of seccomp.h, a macro that Swift does not see.
private let unknownSyscall: Int32 = -1
