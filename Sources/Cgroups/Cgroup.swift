import CLinux
import Errors
import Glibc
import LinuxSystem

/// One cgroup v2 directory, by its absolute path.
public struct Cgroup: Sendable, Hashable {
    public let path: String

    public init(path: String) { self.path = path }

    public func child(_ name: String) -> Cgroup { Cgroup(path: "\(path)/\(name)") }

    /// Makes the directory; one that exists is fine.
    public func create() throws(SwiftletError) {
        if mkdir(path, 0o755) != 0, swl_errno() != EEXIST { throw systemError(swl_errno(), "make cgroup", path) }
    }

    /// The cgroup at `relative` below this one, each level made where missing; every level but the last hands all its
    /// controllers down. Errors: `invalidArgument` for a path with `..`, empty or odd parts.
    public func createTree(_ relative: String) throws(SwiftletError) -> Cgroup {
        var cgroup = self
        for part in relative.split(separator: "/") {
            guard part != ".", part != "..", part.utf8.count <= 255, !part.hasPrefix("cgroup."),
                part.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f })
            else {
                throw .invalid(
                    "\"\(printable(String(part)))\" cannot name a cgroup", object: "cgroup \(printable(relative))")
            }
            if try cgroup.delegate() == .heldByProcesses {
                throw SwiftletError(
                    .failedPrecondition, "it has processes of its own and so cannot hand controllers to children",
                    operation: "delegate cgroup", object: cgroup.path)
            }
            cgroup = cgroup.child(String(part))
            try cgroup.create()
        }
        return cgroup
    }

    enum Delegation { case done, heldByProcesses }

    /// Enables every controller of this cgroup for its children.
    func delegate() throws(SwiftletError) -> Delegation {
        let offered = Set(try words("cgroup.controllers"))
        let enabled = Set(try words("cgroup.subtree_control"))
        let wanted = offered.subtracting(enabled)
        // Asked first: the cpu controller alone can be handed down beside processes, which makes the cgroup threaded and its
        // children unfit for processes. Only the machine's own root, which has no cgroup.type, may keep some.
        if !wanted.isEmpty, has("cgroup.type"), try !processes().isEmpty { return .heldByProcesses }
        for controller in wanted.sorted() {
            do { try write("cgroup.subtree_control", "+\(controller)") } catch {
                if error.errno == EBUSY { return .heldByProcesses }
                // A controller that cannot be handed down here (cpu with realtime tasks, one bound to v1) is then not
                // offered to the children, and a limit that needs it is refused there by name.
                continue
            }
        }
        return .done
    }

    /// The controllers whose limits can be set here.
    public func controllers() throws(SwiftletError) -> Set<String> { Set(try words("cgroup.controllers")) }

    /// Processes in this cgroup itself, not below; 0 stands for one outside the reader's PID namespace.
    public func processes() throws(SwiftletError) -> [Int32] { try words("cgroup.procs").compactMap { Int32($0) } }

    /// Whether any process lives here or below.
    public func isPopulated() throws(SwiftletError) -> Bool { try keyed("cgroup.events")["populated"] != 0 }

    /// Ends every process here and below with SIGKILL. After this no process may be born here any more: some kernels kill
    /// it at birth, so a cgroup is never used again.
    public func kill() throws(SwiftletError) {
        do { try write("cgroup.kill", "1") } catch  where error.errno == ENOENT {
            guard exists else { return }
            try signalAll()  // Linux before 5.14
        }
    }

    /// Frozen first, so that no fork escapes.
    private func signalAll() throws(SwiftletError) {
        try write("cgroup.freeze", "1")
        for cgroup in [self] + (try descendants()) {
            for pid in try cgroup.processes() where pid > 0 { _ = Glibc.kill(pid, SIGKILL) }
        }
        try write("cgroup.freeze", "0")
    }

    /// Waits until no process is left, at most `milliseconds`. Returns whether it is empty. Blocks.
    public func waitUntilEmpty(milliseconds: Int) throws(SwiftletError) -> Bool {
        let descriptor = open(path + "/cgroup.events", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if swl_errno() == ENOENT { return true }
            throw systemError(swl_errno(), "open", path + "/cgroup.events")
        }
        let events = OwnedDescriptor(owning: descriptor)
        let deadline = monotonicMilliseconds() + milliseconds
        while try isPopulated() {
            let left = deadline - monotonicMilliseconds()
            guard left > 0 else { return false }
            // kernfs tells a change by POLLPRI once the file was read through this descriptor.
            var byte: UInt8 = 0
            _ = pread(events.raw, &byte, 1, 0)
            if try !isPopulated() { break }
            var entry = pollfd(fd: events.raw, events: Int16(POLLPRI), revents: 0)
            _ = poll(&entry, 1, Int32(left))
        }
        return true
    }

    /// Removes this cgroup and all below; missing ones are fine. Errors: EBUSY while processes live in one.
    public func remove() throws(SwiftletError) {
        for cgroup in try descendants().reversed() + [self] where rmdir(cgroup.path) != 0 && swl_errno() != ENOENT {
            throw systemError(swl_errno(), "remove cgroup", cgroup.path)
        }
    }

    public func freeze(_ frozen: Bool) throws(SwiftletError) { try write("cgroup.freeze", frozen ? "1" : "0") }

    public var exists: Bool { access(path, F_OK) == 0 }

    /// All cgroups below, parents first.
    public func descendants() throws(SwiftletError) -> [Cgroup] {
        var found: [Cgroup] = []
        for child in children() {
            found.append(child)
            found += try child.descendants()
        }
        return found
    }

    public func children() -> [Cgroup] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var found: [Cgroup] = []
        while let entry = readdir(directory) {
            guard entry.pointee.d_type == UInt8(DT_DIR) else { continue }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { found.append(child(name)) }
        }
        return found
    }
}
