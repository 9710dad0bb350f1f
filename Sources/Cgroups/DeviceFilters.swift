import CLinux
import Errors
import LinuxSystem
import Synchronization

/// Device programs in the kernel, each loaded once and attached to as many cgroups as want it.
public final class DeviceFilters: Sendable {
    private final class Program: Sendable {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    private let programs = Mutex<[[DeviceRule]: Program]>([:])
    private static let capacity = 64

    public init() {}

    /// Loads the standard rules, to see whether this kernel and these privileges allow it at all. Errors: as bpf(2).
    public func probe() throws(SwiftletError) { _ = try program(DeviceRule.standard) }

    /// From now on processes in `cgroup` and below can reach only the devices the rules allow. Goes with the cgroup.
    public func attach(_ rules: [DeviceRule], to cgroup: Cgroup) throws(SwiftletError) {
        let program = try program(rules)
        let directory = try openFile(cgroup.path, 0)
        try check(
            swl_bpf_attach_device_program(directory.raw, program.descriptor.raw), "attach device filter to cgroup",
            cgroup.path)
    }

    private func program(_ rules: [DeviceRule]) throws(SwiftletError) -> Program {
        if let known = programs.withLock({ $0[rules] }) { return known }
        let instructions = DeviceRule.program(rules)
        let raw = swl_bpf_load_device_program(instructions, UInt32(instructions.count))
        let program = Program(OwnedDescriptor(owning: try check(raw, "load device filter")))
        programs.withLock {
            if $0.count >= DeviceFilters.capacity { $0.removeAll() }
            $0[rules] = program
        }
        return program
    }
}
