import CLinux
import Errors
import Glibc

/// Attributes of the calling process, for programs with one thread.
public enum ProcessAttributes {
    /// The name in /proc/PID/comm, 15 bytes.
    public static func setName(_ name: String) throws(SwiftletError) {
        try check(swl_set_process_name(name), "prctl(PR_SET_NAME)")
    }

    /// Without the flags of personality(2) that a parent handed down, such as unrandomized addresses.
    public static func resetPersonality() throws(SwiftletError) {
        try check(swl_reset_personality(), "personality")
    }

    /// Undumpable: no core file, and only a privileged process may look into it or trace it.
    public static func setDumpable(_ dumpable: Bool) throws(SwiftletError) {
        try check(swl_prctl(PR_SET_DUMPABLE, dumpable ? 1 : 0, 0, 0, 0), "prctl(PR_SET_DUMPABLE)")
    }

    public static func setNoNewPrivileges() throws(SwiftletError) {
        try check(swl_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")
    }

    /// Keeps the permitted capabilities over a change of user.
    public static func setKeepCapabilities(_ keep: Bool) throws(SwiftletError) {
        try check(swl_prctl(PR_SET_KEEPCAPS, keep ? 1 : 0, 0, 0, 0), "prctl(PR_SET_KEEPCAPS)")
    }

    /// setrlimit(2); UInt64.max is infinity.
    public static func setResourceLimit(_ resource: Int32, soft: UInt64, hard: UInt64) throws(SwiftletError) {
        try check(swl_setrlimit(resource, soft, hard), "setrlimit", "resource \(resource) to \(soft):\(hard)")
    }

    /// Real, effective and saved ids and the whole list of groups.
    public static func setIdentity(user: UInt32, group: UInt32, supplementaryGroups: [UInt32]) throws(SwiftletError) {
        let groups = supplementaryGroups.map { gid_t($0) }
        try check(setgroups(groups.count, groups), "setgroups")
        try check(swl_setresgid(group), "setresgid", String(group))
        try check(swl_setresuid(user), "setresuid", String(user))
    }

    /// A session keyring of its own; nothing on kernels without keys.
    public static func joinNewKeyring() throws(SwiftletError) {
        guard swl_join_new_session_keyring() < 0 else { return }
        let error = swl_errno()
        if error != ENOSYS { throw systemError(error, "keyctl(JOIN_SESSION_KEYRING)") }
    }

    /// Loads a compiled seccomp program: an array of `struct sock_filter`.
    public static func loadSeccompFilter(_ program: [UInt8]) throws(SwiftletError) {
        let size = Int(swl_sock_filter_size)
        guard program.count % size == 0, let count = UInt16(exactly: program.count / size), count > 0 else {
            throw SwiftletError(.invalidArgument, "\(program.count) bytes are no seccomp program", operation: "seccomp")
        }
        try check(program.withUnsafeBytes { swl_seccomp_load($0.baseAddress, count) }, "seccomp(SET_MODE_FILTER)")
    }
}

/// Files below /proc written by descriptor, after making sure that it is procfs and not something mounted over it.
public enum ProcFile {
    /// Writes `text` to `/proc/<path>` of the host.
    public static func write(_ path: String, _ text: String) throws(SwiftletError) {
        let root = try openDirectory("/proc")
        try write(path, text, at: root)
    }

    fileprivate static func write(_ path: String, _ text: String, at root: borrowing OwnedDescriptor)
        throws(SwiftletError)
    {
        let name = "/proc/\(path)"
        let file = try open(at: root.raw, path, O_WRONLY, [.beneath, .noMagicLinks])
        guard swl_filesystem_magic(file.raw) == swl_proc_magic else {
            throw SwiftletError(.permissionDenied, "not on procfs", operation: "write", object: printable(name))
        }
        let bytes = Array(text.utf8)
        try retrying("write", name) { Glibc.write(file.raw, bytes, bytes.count) }
    }
}

/// System parameters (sysctl(8)) of the caller's own namespaces.
public struct SystemParameters: ~Copyable {
    private let root: OwnedDescriptor

    /// A procfs of its own: in the host's all network namespaces have their parameters under one name, and the kernel looks
    /// through them one after the other. The host's where there cannot be another. Closing takes a while.
    public init() throws(SwiftletError) {
        do throws(SwiftletError) {
            let mount = try DetachedMount(
                filesystem: "proc", source: "proc", options: [], [.noSuid, .noDev, .noExec])
            root = OwnedDescriptor(owning: mount.release())
        } catch { root = try openDirectory("/proc") }
    }

    /// `net.ipv4.ip_forward`, or with slashes where a part has a dot (`net/ipv4/conf/eth0.1/forwarding`).
    public func write(_ name: String, _ value: String) throws(SwiftletError) {
        let firstSeparator = name.first { $0 == "." || $0 == "/" }
        let path =
            firstSeparator == "/"
            ? name : String(name.map { $0 == "." ? "/" : $0 == "/" ? "." : $0 })
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count > 1, parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
            throw .invalid("not the name of a system parameter", object: "sysctl \(printable(name))")
        }
        do { try ProcFile.write("sys/\(path)", value, at: root) } catch {
            throw error.during("set sysctl", "\(printable(name))=\(printable(value))")
        }
    }
}

/// Ignores a signal or gives it its default back. For programs with one thread.
public func setSignal(_ number: Int32, ignored: Bool) throws(SwiftletError) {
    try check(ignored ? swl_signal_ignore(number) : swl_signal_default(number), "signal", String(number))
}

/// Lets every signal through.
public func unblockSignals() throws(SwiftletError) {
    try check(swl_unblock_all_signals(), "sigprocmask")
}

/// Allocations from so many bytes on go back to the kernel when freed: for programs that are to stay small after a burst.
public func returnLargeAllocations(from bytes: Int32) { swl_map_allocations_from(bytes) }

/// Gives the kernel back what was freed and is kept for later (malloc_trim(3)); takes milliseconds after much work.
public func returnFreeMemory() { swl_return_free_memory() }
