import CLinux
import Errors
import Glibc

/// Attributes of a mount (mount_setattr(2)).
public struct MountAttributes: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let readOnly = MountAttributes(rawValue: swl_attr_rdonly)
    public static let noSuid = MountAttributes(rawValue: swl_attr_nosuid)
    public static let noDev = MountAttributes(rawValue: swl_attr_nodev)
    public static let noExec = MountAttributes(rawValue: swl_attr_noexec)
    public static let strictAccessTime = MountAttributes(rawValue: swl_attr_strictatime)
}

/// A mount that hangs nowhere yet (open_tree(2), fsmount(2)), or the descriptor of one that does.
public struct DetachedMount: ~Copyable, Sendable {
    public let descriptor: OwnedDescriptor

    /// Takes over the descriptor of a mount.
    public init(owning descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// A clone of the tree at an open path; propagation peers stay peers.
    public init(cloning path: Int32, recursive: Bool, name: String) throws(SwiftletError) {
        let flags = swl_at_empty_path | (recursive ? swl_at_recursive : 0)
        descriptor = OwnedDescriptor(owning: try check(swl_open_tree(path, "", flags), "open_tree", name))
    }

    /// A new file system (fsopen(2)): an option without value is a flag. Errors carry what the kernel's log of the
    /// context says.
    public init(
        filesystem type: String, source: String, options: [(name: String, value: String)], _ attributes: MountAttributes
    ) throws(SwiftletError) {
        let context = OwnedDescriptor(owning: try check(swl_fsopen(type), "fsopen", type))
        do {
            if !source.isEmpty {
                try check(swl_fsconfig_string(context.raw, "source", source), "fsconfig", "source=\(source)")
            }
            for (name, value) in options {
                let result =
                    value.isEmpty
                    ? swl_fsconfig_flag(context.raw, name) : swl_fsconfig_string(context.raw, name, value)
                try check(result, "fsconfig", value.isEmpty ? name : "\(name)=\(value)")
            }
            try check(swl_fsconfig_create(context.raw), "fsconfig", type)
            let mount = try check(swl_fsmount(context.raw, attributes.rawValue), "fsmount", type)
            descriptor = OwnedDescriptor(owning: mount)
        } catch {
            throw DetachedMount.explained(error, context.raw)
        }
    }

    /// Gives the descriptor up without closing it.
    public consuming func release() -> Int32 { descriptor.release() }

    /// Hangs it onto an open path.
    public borrowing func attach(onto path: Int32, name: String) throws(SwiftletError) {
        try check(swl_move_mount(descriptor.raw, path), "move_mount", name)
    }

    /// Changes attributes; `recursive` on every mount below as well. Access-time settings replace one another.
    public borrowing func set(_ attributes: MountAttributes, accessTime: Bool = false, recursive: Bool)
        throws(SwiftletError)
    {
        try setMountAttributes(descriptor.raw, attributes, accessTime: accessTime, recursive: recursive)
    }

    /// How mounts made below it later travel to its copies, and back.
    public borrowing func setPropagation(_ flag: UInt64, recursive: Bool) throws(SwiftletError) {
        try setMountPropagation(descriptor.raw, flag, recursive: recursive)
    }

    /// Shows the owners of its files as the user namespace says: what belongs to 0 on disk belongs to whom the namespace's
    /// 0 is outside. Only while the mount hangs nowhere, and once. Errors: EINVAL of a file system that cannot be mapped.
    public borrowing func mapOwners(by userNamespace: Int32) throws(SwiftletError) {
        try check(
            swl_mount_setattr(descriptor.raw, 0, swl_attr_idmap, 0, 0, userNamespace), "mount_setattr(idmap)")
    }

    private static func explained(_ error: SwiftletError, _ context: Int32) -> SwiftletError {
        var error = error
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = read(context, &buffer, buffer.count)
        if count > 0 {
            let text = String(decoding: buffer[..<count], as: UTF8.self)
            error.notes.append(printable(text.hasSuffix("\n") ? String(text.dropLast()) : text))
            error.reason += " (kernel: \(error.notes.removeLast()))"
        }
        return error
    }
}

/// mount_setattr(2) of the mount at an open path.
public func setMountAttributes(
    _ descriptor: Int32, _ attributes: MountAttributes, accessTime: Bool = false, recursive: Bool
) throws(SwiftletError) {
    let clear = accessTime ? swl_attr_atime_mask : 0
    let result = swl_mount_setattr(descriptor, recursive ? swl_at_recursive : 0, attributes.rawValue, clear, 0, 0)
    try check(result, "mount_setattr")
}

/// mount_setattr(2) of propagation: one of `swl_ms_private`, `swl_ms_slave`, `swl_ms_shared`.
public func setMountPropagation(_ descriptor: Int32, _ flag: UInt64, recursive: Bool) throws(SwiftletError) {
    let result = swl_mount_setattr(descriptor, recursive ? swl_at_recursive : 0, 0, 0, flag, 0)
    try check(result, "mount_setattr(propagation)")
}

/// What mounts made below a mount later do to its copies (mount_namespaces(7)).
public enum MountPropagationFlag {
    public static let `private` = swl_ms_private
    public static let slave = swl_ms_slave
    public static let shared = swl_ms_shared
}

/// Makes the mount at an open directory the root of the caller's mount namespace and lets the old root go (pivot_root(2)).
/// Leaves the working directory at the new root.
public func pivotRoot(into directory: Int32) throws(SwiftletError) {
    try check(fchdir(directory), "fchdir", "new root")
    try check(swl_pivot_root(".", "."), "pivot_root")
    // The old root lies on top of the new one now.
    try check(swl_umount(".", swl_mnt_detach), "umount", "old root")
    try check(chdir("/"), "chdir", "/")
}

/// Takes the topmost mount at a path out of the caller's mount namespace; it lives on where it was cloned or is in use.
public func unmountDetached(_ path: String) throws(SwiftletError) {
    try check(swl_umount(path, swl_mnt_detach), "umount", path)
}

/// mount(2) of a file system whose options must be one string.
public func mountFilesystem(type: String, at target: String, options: String) throws(SwiftletError) {
    // The kernel copies a page, with the terminating zero.
    guard options.utf8.count < 4096 else {
        throw SwiftletError(
            .invalidArgument, "mount options of \(options.utf8.count) bytes do not fit into a page", object: type)
    }
    try check(swl_mount(type, target, type, 0, options), "mount \(type)", target)
}

/// Whether an open path lies on a cgroup v2 file system.
public func isCgroup2(_ descriptor: Int32) -> Bool {
    swl_filesystem_magic(descriptor) == swl_cgroup2_magic
}
