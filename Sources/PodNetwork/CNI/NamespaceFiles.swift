import CLinux
import Errors
import Glibc
import LinuxSystem

/// Pods' network namespaces as files, `<run>/netns/<sandbox>`: mounts that hold them until the plugins were told of the pod's
/// end. /proc/PID/ns/net would not do, because the process is gone by then and its number may be another's.
struct NamespaceFiles: Sendable {
    let directory: String

    /// Makes the directory.
    init(directory: String) throws(SwiftletError) {
        self.directory = directory
        if mkdir(directory, 0o700) != 0, lastError() != EEXIST {
            throw systemError(lastError(), "make directory", directory)
        }
    }

    func path(_ sandboxID: String) -> String { "\(directory)/\(sandboxID)" }

    /// Whether it holds a namespace. A file alone is what is left when the mount was lost.
    func exists(_ sandboxID: String) -> Bool {
        var info = statfs()
        return statfs(path(sandboxID), &info) == 0 && UInt64(truncatingIfNeeded: info.f_type) == NamespaceFiles.magic
    }

    /// NSFS_MAGIC of <linux/magic.h>.
    private static let magic: UInt64 = 0x6e73_6673

    /// Holds the namespace of the process `holder`; one that is held already stays.
    func hold(_ sandboxID: String, holder: Int32) throws(SwiftletError) {
        if exists(sandboxID) { return }
        let namespace = try PodNamespace(holder: holder)
        let path = path(sandboxID)
        let file = OwnedDescriptor(
            owning: try check(open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600), "create", path))
        _ = consume file
        try check(
            swl_mount("/proc/self/fd/\(namespace.descriptor.raw)", path, "", swl_ms_bind, ""),
            "mount the pod's network at",
            path)
    }

    /// One that is not held is fine.
    func letGo(_ sandboxID: String) throws(SwiftletError) {
        let path = path(sandboxID)
        if swl_umount(path, swl_mnt_detach) != 0, lastError() != EINVAL, lastError() != ENOENT {
            throw systemError(lastError(), "unmount", path)
        }
        if unlink(path) != 0, lastError() != ENOENT { throw systemError(lastError(), "remove", path) }
    }

    /// Of which sandboxes there are files.
    func names() throws(SwiftletError) -> [String] {
        let folder = try openFile(directory, O_RDONLY | O_DIRECTORY)
        return try directoryEntries(folder.raw)
    }
}
