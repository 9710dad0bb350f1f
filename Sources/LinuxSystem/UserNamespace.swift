import CLinux
import Errors
import Glibc

/// A range of ids inside a user namespace and the ids they are outside.
public struct IDRange: Sendable, Equatable {
    public var inside: UInt32
    public var outside: UInt32
    public var count: UInt32

    public init(inside: UInt32, outside: UInt32, count: UInt32) {
        self.inside = inside
        self.outside = outside
        self.count = count
    }
}

/// The ids of a user namespace: as in /proc/PID/uid_map and gid_map (user_namespaces(7)).
public struct IDMapping: Sendable, Equatable {
    public var users: [IDRange]
    public var groups: [IDRange]

    public init(users: [IDRange], groups: [IDRange]) {
        self.users = users
        self.groups = groups
    }

    /// Ids from 0 up become those from `base` up, users and groups alike.
    public init(base: UInt32, count: UInt32 = 65536) {
        let range = IDRange(inside: 0, outside: base, count: count)
        self.init(users: [range], groups: [range])
    }

    /// nil for an id that the namespace does not have.
    public func outside(user id: UInt32) -> UInt32? { IDMapping.outside(id, users) }

    /// As above, of a group.
    public func outside(group id: UInt32) -> UInt32? { IDMapping.outside(id, groups) }

    /// The ids inside, as a person reads them: `0-65535`.
    public var text: String {
        let ranges = users == groups ? users : users + groups
        return ranges.map { "\($0.inside)-\(UInt64($0.inside) + UInt64($0.count) - 1)" }.joined(separator: ", ")
    }

    private static func outside(_ id: UInt32, _ ranges: [IDRange]) -> UInt32? {
        ranges.first { id >= $0.inside && id - $0.inside < $0.count }
            .flatMap { UInt32(exactly: UInt64($0.outside) + UInt64(id - $0.inside)) }
    }
}

/// Makes a user namespace with this mapping that no process lives in, and gives a descriptor of it: for mounts' owners
/// (`DetachedMount.mapOwners`). The calling thread enters the `others`, which are new ones that belong to it; the thread itself
/// stays in its own user namespace. Errors: ENOSPC where the machine allows no (more) user namespaces.
public func makeUserNamespace(
    _ mapping: IDMapping, entering others: Namespaces = []
) throws(SwiftletError) -> OwnedDescriptor {
    let size = 16384
    let stack = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    var pidfd: Int32 = -1
    let pid = swl_clone_idle(others.union(.user).rawValue, stack, size, &pidfd)
    guard pid > 0 else {
        stack.deallocate()
        throw systemError(-pid, "clone3", "user namespace")
    }
    let process = ProcessHandle(pid: pid, descriptor: OwnedDescriptor(owning: pidfd))
    let outcome = Result { () throws(SwiftletError) in
        let namespace = try fill(pid, mapping)
        if !others.isEmpty { try others.enter(of: process) }
        return namespace.release()
    }
    try process.signal(SIGKILL)
    _ = try process.wait()
    // It runs on the stack until it is gone.
    _ = try process.reap()
    stack.deallocate()
    return OwnedDescriptor(owning: try outcome.get())
}

private func fill(_ pid: Int32, _ mapping: IDMapping) throws(SwiftletError) -> OwnedDescriptor {
    let namespace = try openFile("/proc/\(pid)/ns/user", O_RDONLY)
    for (file, ranges) in [("uid_map", mapping.users), ("gid_map", mapping.groups)] {
        let text = ranges.map { "\($0.inside) \($0.outside) \($0.count)\n" }.joined()
        let map = try openFile("/proc/\(pid)/\(file)", O_WRONLY)
        try writeAll(map.raw, text, name: file)
    }
    return namespace
}
