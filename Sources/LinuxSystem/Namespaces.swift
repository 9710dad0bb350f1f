import CLinux
import Errors
import Glibc

/// The namespaces of namespaces(7), as clone flags.
public struct Namespaces: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let mount = Namespaces(rawValue: swl_clone_newns)
    public static let pid = Namespaces(rawValue: swl_clone_newpid)
    public static let network = Namespaces(rawValue: swl_clone_newnet)
    public static let ipc = Namespaces(rawValue: swl_clone_newipc)
    public static let uts = Namespaces(rawValue: swl_clone_newuts)
    public static let cgroup = Namespaces(rawValue: swl_clone_newcgroup)
    public static let user = Namespaces(rawValue: swl_clone_newuser)

    /// unshare(2): the calling thread gets new ones.
    public func unshare() throws(SwiftletError) {
        try check(swl_unshare(rawValue), "unshare", description)
    }

    /// setns(2) by pidfd: the calling thread enters those of a process, all or none. ESRCH when the process has ended.
    /// Several threads: not for mount and user namespaces. The PID namespace is for later children only.
    public func enter(of process: borrowing ProcessHandle) throws(SwiftletError) {
        try check(swl_setns(process.descriptor.raw, rawValue), "setns", "\(description) of process \(process.pid)")
    }

    /// setns(2) by a descriptor of /proc/PID/ns/*.
    public func enter(descriptor: Int32) throws(SwiftletError) {
        try check(swl_setns(descriptor, rawValue), "setns", description)
    }

    private var description: String {
        let names: [(Namespaces, String)] = [
            (.mount, "mount"), (.pid, "pid"), (.network, "network"), (.ipc, "ipc"), (.uts, "uts"),
            (.cgroup, "cgroup"), (.user, "user"),
        ]
        return names.filter { contains($0.0) }.map(\.1).joined(separator: ",")
    }
}

/// clone3(2) like fork, from a process with one thread: nil in the child, which runs on with a copy of everything.
public func cloneProcess(new namespaces: Namespaces, cgroup: Int32?) throws(SwiftletError) -> ProcessHandle? {
    var pidfd: Int32 = -1
    var flags = namespaces.rawValue | swl_clone_pidfd
    if cgroup != nil { flags |= swl_clone_into_cgroup }
    let pid = try check(swl_clone3_fork(flags, &pidfd, cgroup ?? -1), "clone3")
    return pid == 0 ? nil : ProcessHandle(pid: pid, descriptor: OwnedDescriptor(owning: pidfd))
}

/// clone3(2) as above, but the child's parent is the caller's own (CLONE_PARENT).
public func cloneSibling(new namespaces: Namespaces) throws(SwiftletError) -> ProcessHandle? {
    var pidfd: Int32 = -1
    let pid = try check(swl_clone3_sibling(namespaces.rawValue | swl_clone_pidfd, &pidfd), "clone3")
    return pid == 0 ? nil : ProcessHandle(pid: pid, descriptor: OwnedDescriptor(owning: pidfd))
}

/// Brings an interface of the calling thread's network namespace up (netdevice(7)).
public func bringUp(interface name: String) throws(SwiftletError) {
    try check(swl_interface_up(name), "bring up", name)
}

/// sethostname(2) of the caller's UTS namespace.
public func setHostName(_ name: String) throws(SwiftletError) {
    try check(sethostname(name, name.utf8.count), "sethostname", name)
}
