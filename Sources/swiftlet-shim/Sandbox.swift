import Errors
import Glibc
import Launch
import LinuxSystem

/// The namespaces the shim holds for the pod: network, IPC and UTS are the shim's own, the shared PID namespace is that
/// of a reaper it starts, a user namespace is there for others to enter.
final class Sandbox {
    /// PID 1 of the pod's PID namespace.
    private let reaper: PodReaper?
    /// The shim's own PID namespace, to come back to.
    private let ownPID: OwnedDescriptor
    /// Until `settle`.
    private var parameters: SystemParameters?
    /// nil for the host's.
    let users: PodUsers?

    init(_ plan: SandboxPlan) throws(StepFailure) {
        var new: Namespaces = []
        if plan.newNetwork { new.insert(.network) }
        if plan.newIPC { new.insert(.ipc) }
        if plan.newUTS { new.insert(.uts) }
        ownPID = try step("open own PID namespace") { () throws(SwiftletError) in
            try openFile("/proc/self/ns/pid", O_RDONLY)
        }
        let users = try step("make the pod's namespaces") { () throws(SwiftletError) -> PodUsers? in
            if let owners = plan.owners { return try PodUsers(owners, entering: new) }
            if !new.isEmpty { try new.unshare() }
            return nil
        }
        self.users = users
        if plan.newNetwork {
            try step("bring loopback up") { () throws(SwiftletError) in try bringUp(interface: "lo") }
        }
        if plan.newUTS, !plan.hostname.isEmpty {
            try step("set hostname \(printable(plan.hostname))") { () throws(SwiftletError) in
                try setHostName(plan.hostname)
            }
        }
        if !plan.sysctls.isEmpty {
            if let users {
                // Those of the IPC namespace are for its owner alone, and ids in values are the pod's.
                let parameters = try step("open procfs") { () throws(SwiftletError) in try SystemParameters() }
                do throws(SwiftletError) {
                    try users.runAsRoot { () throws(SwiftletError) in
                        for sysctl in plan.sysctls { try parameters.write(sysctl.name, sysctl.value) }
                    }
                } catch { throw StepFailure("set sysctls", error) }
            } else {
                parameters = try Sandbox.set(plan.sysctls)
            }
        }
        if plan.sharedPID {
            reaper = try step("start the pod's PID 1") { () throws(SwiftletError) in
                try PodReaper(cgroup: plan.cgroup, users)
            }
        } else {
            reaper = nil
        }
    }

    private static func set(_ sysctls: [SandboxPlan.Sysctl]) throws(StepFailure) -> SystemParameters {
        let parameters = try step("open procfs") { () throws(SwiftletError) in try SystemParameters() }
        for sysctl in sysctls {
            do throws(SwiftletError) { try parameters.write(sysctl.name, sysctl.value) } catch {
                throw StepFailure("set sysctl \(printable(sysctl.name))", error)
            }
        }
        return parameters
    }

    /// What can wait until the daemon has its answer.
    func settle() { parameters = nil }

    /// Clones a child in the PID namespace asked for; nil in the child. `target` is whose to join for `.target`.
    func clone(
        _ new: Namespaces, pid plan: PIDNamespacePlan, target: ManagedProcess?, cgroup: Int32
    ) throws(SwiftletError) -> ProcessHandle? {
        switch plan {
        case .node: return try cloneProcess(new: new, cgroup: cgroup)
        // With a user namespace it is made from inside: see `continueAsSibling`.
        case .container: return try cloneProcess(new: users == nil ? new.union(.pid) : new, cgroup: cgroup)
        case .pod:
            guard let reaper else {
                throw SwiftletError(.failedPrecondition, "the pod has no shared PID namespace")
            }
            return try cloneInside(reaper.process, new, cgroup)
        case .target:
            guard let target else { throw SwiftletError(.notFound, "no such container", errno: ESRCH) }
            return try cloneInside(target.process, new, cgroup)
        }
    }

    /// Ends the reaper, and with it whatever is left in its namespace.
    func end() { reaper?.end() }

    /// A PID namespace is entered for later children only, so the shim goes there and back around the clone.
    private func cloneInside(_ process: borrowing ProcessHandle, _ new: Namespaces, _ cgroup: Int32)
        throws(SwiftletError) -> ProcessHandle?
    {
        try Namespaces.pid.enter(of: process)
        let child: ProcessHandle?
        do throws(SwiftletError) { child = try cloneProcess(new: new, cgroup: cgroup) } catch {
            try Namespaces.pid.enter(descriptor: ownPID.raw)
            throw error
        }
        switch consume child {
        case .none: return nil
        case .some(let handle):
            try Namespaces.pid.enter(descriptor: ownPID.raw)
            return handle
        }
    }
}
