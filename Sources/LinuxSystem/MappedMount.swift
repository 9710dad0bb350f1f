import CLinux
import Errors
import Glibc

extension DetachedMount {
    /// A clone of the tree at an open path, hanging nowhere, whose files show the owners that a user namespace maps them to.
    /// What is mounted below keeps its own owners: a tree may hold kinds of file systems that cannot be mapped.
    /// Errors: `failedPrecondition` naming the kind of file system that cannot.
    public init(cloning path: Int32, owners userNamespace: Int32, recursive: Bool, name: String) throws(SwiftletError) {
        let clone = try DetachedMount(cloning: path, recursive: recursive, name: name)
        do throws(SwiftletError) { try clone.mapOwners(by: userNamespace) } catch {
            guard error.errno == EINVAL || error.errno == EPERM else { throw error }
            let type = try fileSystemType(of: path)
            throw SwiftletError(
                .failedPrecondition,
                "its file system, \(printable(type)), cannot show its files with other owners here",
                operation: "map owners", object: printable(name), errno: error.errno,
                hint: "put it on ext4, xfs, btrfs or (from Linux 6.3 on) tmpfs, or run the pod with hostUsers: true")
        }
        self = clone
    }
}

/// The kind of file system an open path lies on, as the mount table names it: `ext4`.
public func fileSystemType(of path: Int32) throws(SwiftletError) -> String {
    let own = try openFile("/proc/self/fdinfo/\(path)", O_RDONLY)
    let information = String(decoding: try readAll(own.raw, name: "fdinfo"), as: UTF8.self)
    let line = information.split(separator: "\n").first { $0.hasPrefix("mnt_id:") }
    let number = line?.dropFirst("mnt_id:".count).filter { !$0.isWhitespace } ?? ""
    let table = try openFile("/proc/self/mountinfo", O_RDONLY)
    let text = String(decoding: try readAll(table.raw, limit: 64 << 20, name: "mountinfo"), as: UTF8.self)
    return fileSystemType(ofMount: number, in: text) ?? "of an unknown kind"
}

/// In a text of proc_pid_mountinfo(5): the first field is the number, the kind follows the lone dash.
func fileSystemType(ofMount number: String, in table: String) -> String? {
    for line in table.split(separator: "\n") {
        let fields = line.split(separator: " ")
        guard let first = fields.first, first == number, let dash = fields.firstIndex(of: "-"),
            dash + 1 < fields.count
        else { continue }
        return String(fields[dash + 1])
    }
    return nil
}
