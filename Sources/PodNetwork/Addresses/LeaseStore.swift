import Errors
import Glibc
import LinuxSystem

/// The leases in `<run>/network`, a file each: taking and giving one back costs the same however many there are. A file is
/// there before anything else of a lease and until everything else is gone, so that whatever a killed daemon leaves is known
/// to the next. Not synced: a boot ends all pods.
struct LeaseStore: Sendable {
    let directory: String

    private static let ending = ".lease"
    private static let last = "last"

    /// Makes the directory.
    init(directory: String) throws(SwiftletError) {
        self.directory = directory
        if mkdir(directory, 0o700) != 0, lastError() != EEXIST {
            throw systemError(lastError(), "make directory", directory)
        }
    }

    func write(_ lease: Lease) throws(SwiftletError) {
        try replace(lease.sandboxID + LeaseStore.ending, lease.serialized())
    }

    /// One that is not there is fine. It stays known as the latest, if it is, so that its address is not the next one given.
    func remove(_ lease: Lease, isLatest: Bool) throws(SwiftletError) {
        if isLatest { try replace(LeaseStore.last, lease.serialized()) }
        let path = "\(directory)/\(lease.sandboxID)\(LeaseStore.ending)"
        if unlink(path) != 0, lastError() != ENOENT { throw systemError(lastError(), "remove", path) }
    }

    struct Contents {
        var leases: [Lease] = []
        /// The one given out last, whether it is still there or not.
        var latest: Lease?
        /// Files that are no leases, and why.
        var damaged: [(name: String, error: SwiftletError)] = []
    }

    func read() throws(SwiftletError) -> Contents {
        var contents = Contents()
        let folder = try openFile(directory, O_RDONLY | O_DIRECTORY)
        for name in try directoryEntries(folder.raw) {
            guard name == LeaseStore.last || name.hasSuffix(LeaseStore.ending) else { continue }
            do throws(SwiftletError) {
                let file = try openFile("\(directory)/\(name)", O_RDONLY | O_NOFOLLOW)
                let lease = try Lease(parsing: try readAll(file.raw, name: name))
                if lease.number > contents.latest?.number ?? .min { contents.latest = lease }
                if name == LeaseStore.last { continue }
                guard name == lease.sandboxID + LeaseStore.ending else {
                    throw SwiftletError(.dataLoss, "it is of another sandbox", operation: "read lease")
                }
                contents.leases.append(lease)
            } catch { contents.damaged.append((name, error)) }
        }
        return contents
    }

    /// A damaged file, out of the way.
    func discard(_ name: String) throws(SwiftletError) {
        if unlink("\(directory)/\(name)") != 0, lastError() != ENOENT { throw systemError(lastError(), "remove", name) }
    }

    private func replace(_ name: String, _ bytes: [UInt8]) throws(SwiftletError) {
        let path = "\(directory)/\(name)"
        let file = OwnedDescriptor(
            owning: try check(open(path + ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600), "create", path))
        try file.writeAll(bytes)
        try check(rename(path + ".new", path), "rename", path)
    }
}
