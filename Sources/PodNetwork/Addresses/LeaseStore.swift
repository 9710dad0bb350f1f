import Errors

/// The leases in `<run>/network`, a file each: taking and giving one back costs the same however many there are. A file is
/// there before anything else of a lease and until everything else is gone, so that whatever a killed daemon leaves is known
/// to the next. Not synced: a boot ends all pods.
struct LeaseStore: Sendable {
    private let folder: RecordFolder

    private static let ending = ".lease"
    private static let last = "last"
    private static let sizeLimit = 1 << 20

    /// Makes the directory.
    init(directory: String) throws(SwiftletError) { folder = try RecordFolder(path: directory) }

    func write(_ lease: Lease) throws(SwiftletError) { try folder.replace(name(lease), lease.serialized()) }

    /// One that is not there is fine. It stays known as the latest, if it is, so that its address is not the next one given.
    func remove(_ lease: Lease, isLatest: Bool) throws(SwiftletError) {
        if isLatest { try folder.replace(LeaseStore.last, lease.serialized()) }
        try folder.remove(name(lease))
    }

    struct Contents {
        var leases: [Lease] = []
        /// The one given out last, whether it is still there or not.
        var latest: Lease?
        /// Files that are no leases, and why.
        var damaged: [(name: String, error: SwiftletError)] = []
    }

    /// At start, before anything is written.
    func read() throws(SwiftletError) -> Contents {
        var contents = Contents()
        for name in try folder.namesAfterStart() {
            guard name == LeaseStore.last || name.hasSuffix(LeaseStore.ending) else { continue }
            do throws(SwiftletError) {
                let lease = try Lease(parsing: try folder.read(name, limit: LeaseStore.sizeLimit))
                if lease.number > contents.latest?.number ?? .min { contents.latest = lease }
                if name == LeaseStore.last { continue }
                guard name == self.name(lease) else {
                    throw SwiftletError(.dataLoss, "it is of another sandbox", operation: "read lease")
                }
                contents.leases.append(lease)
            } catch { contents.damaged.append((name, error)) }
        }
        return contents
    }

    /// A damaged file, out of the way.
    func discard(_ name: String) throws(SwiftletError) { try folder.remove(name) }

    private func name(_ lease: Lease) -> String { lease.sandboxID + LeaseStore.ending }
}
