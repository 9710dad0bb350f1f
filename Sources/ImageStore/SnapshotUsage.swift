import Errors
import LinuxSystem
import Synchronization

/// What a snapshot's own files took when they were last looked at.
public struct SnapshotUsage: Sendable, Equatable {
    public let usage: StoreUsage
    /// Unix nanoseconds.
    public let takenAt: Int64
}

/// Walking a container's files costs as long as they are many, and everybody asks for their size. So a walk's result
/// serves for a time in proportion to what the walk took: the disk is busy with it a twentieth of the time at most.
final class SnapshotUsages: Sendable {
    private struct Entry {
        var usage: SnapshotUsage
        /// Monotonic nanoseconds.
        var ended: Int64
        var took: Int64
        var isBeingTaken = false

        /// Whether it serves no longer.
        func isStale(at now: Int64) -> Bool { now - ended > max(20 * took, 1_000_000_000) }
    }

    /// A walk of so many nanoseconds nobody need wait for: the older result serves until it is done.
    private static let long: Int64 = 50_000_000

    private let entries = Mutex<[String: Entry]>([:])
    /// Monotonic nanoseconds.
    private let clock: @Sendable () -> Int64

    init(clock: @escaping @Sendable () -> Int64 = { monotonicNanoseconds() }) { self.clock = clock }

    /// `walk` is made here, or on another thread while the older result is given; not at all while that is fresh.
    func usage(
        of id: String, _ walk: @escaping @Sendable () throws(SwiftletError) -> StoreUsage
    ) throws(SwiftletError) -> SnapshotUsage {
        let now = clock()
        let (known, isLong) = entries.withLock { entries -> (SnapshotUsage?, Bool) in
            guard let entry = entries[id] else { return (nil, false) }
            if entry.isBeingTaken || !entry.isStale(at: now) { return (entry.usage, false) }
            guard entry.took > Self.long else { return (nil, false) }
            entries[id]?.isBeingTaken = true
            return (entry.usage, true)
        }
        guard let known else { return try take(id, walk) }
        if isLong {
            do throws(SwiftletError) {
                try DedicatedThread.start("usage") {
                    // Its snapshot has gone, or cannot be read: whoever asks next is told.
                    do throws(SwiftletError) { _ = try self.take(id, walk) } catch { self.forget(id) }
                }
            } catch {
                forget(id)
                throw error
            }
        }
        return known
    }

    private func take(
        _ id: String, _ walk: () throws(SwiftletError) -> StoreUsage
    ) throws(SwiftletError) -> SnapshotUsage {
        let started = clock()
        let usage = SnapshotUsage(usage: try walk(), takenAt: wallClockNanoseconds())
        let ended = clock()
        entries.withLock { $0[id] = Entry(usage: usage, ended: ended, took: ended - started) }
        return usage
    }

    func forget(_ id: String) { entries.withLock { $0[id] = nil } }

    /// Forgets all others: a walk may have ended after its snapshot went.
    func keep(_ ids: Set<String>) {
        entries.withLock { entries in entries = entries.filter { ids.contains($0.key) } }
    }
}

extension ImageStore {
    /// Space a container takes besides its image: overlay's upper directory, or the whole copy;
    /// and its image volumes. A second old, or more when
    /// it holds many files. Errors: `notFound`.
    public func snapshotUsage(id: String) throws(SwiftletError) -> SnapshotUsage {
        try usage(of: try snapshotRecord(id))
    }

    /// Of all snapshots and views together.
    public func snapshotsUsage() throws(SwiftletError) -> StoreUsage {
        var sum = StoreUsage(bytes: 0, inodes: 0)
        let snapshots = state.withLock { $0.snapshots }
        usages.keep(Set(snapshots.keys))
        for record in snapshots.values {
            do throws(SwiftletError) {
                let one = try usage(of: record).usage
                sum.bytes += one.bytes
                sum.inodes += one.inodes
            } catch {
                // Removed meanwhile.
                guard error.code == .notFound else { throw error }
            }
        }
        return sum
    }

    private func usage(of record: SnapshotRecord) throws(SwiftletError) -> SnapshotUsage {
        let snapshots = directories.snapshots
        return try usages.usage(of: record.id) { () throws(SwiftletError) in
            let own = try snapshots.openDirectory(FileName(record.id))
            var walk = UsageWalk()
            try walk.add(try own.openDirectory(record.ownTree))
            if !record.volumes.isEmpty { try walk.add(try own.openDirectory(SnapshotRecord.volumes)) }
            return StoreUsage(bytes: walk.bytes, inodes: walk.inodes)
        }
    }
}
