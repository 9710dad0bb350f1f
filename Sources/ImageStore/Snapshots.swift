import Errors
import LinuxSystem
import OCI

/// A snapshot of the store.
public struct Snapshot: Sendable, Equatable {
    public let id: String
    public let image: Digest
    /// Unix nanoseconds.
    public let createdAt: Int64
}

extension ImageStore {
    /// Makes a root filesystem of an image with a writable layer of its own. The same call again returns the same. Copying
    /// takes as long as the image is large; overlay takes no time.
    ///
    /// `volumes`: absolute paths in the container, each without `.` and `..` and none twice, that get a directory of their
    /// own; see `imageVolumes`. `owners`: of the user namespace that it will be mounted for; see `RootFilesystem`.
    ///
    /// Errors: `notFound` without the image, `alreadyExists` when the ID is another image's or has other volumes or owners,
    /// `failedPrecondition` when owners cannot be mapped here, `aborted` while it is being made, `invalidArgument` for a
    /// bad ID.
    public func prepareSnapshot(
        id: String, image: Digest, volumes: [String] = [], owners: IDMapping? = nil
    ) throws(SwiftletError) -> RootFilesystem {
        do throws(SwiftletError) {
            let wanted = SnapshotRecord.Wanted(use: .container, volumes: volumes, owners: owners)
            return rootFilesystem(try prepare(id, image, wanted))
        } catch {
            throw error.during("prepare snapshot", printable(id))
        }
    }

    func prepare(
        _ id: String, _ image: Digest, _ wanted: SnapshotRecord.Wanted, note: String = ""
    ) throws(SwiftletError) -> SnapshotRecord {
        guard Self.isSnapshotID(id) else {
            throw .invalid("is no snapshot ID: at most 128 of A-Z a-z 0-9 _ . -, starting with a letter or digit")
        }
        if wanted.owners != nil, !snapshotter.mapsOwners.works {
            throw SwiftletError(
                .failedPrecondition, "owners cannot be mapped here: \(snapshotter.mapsOwners.reason)",
                hint: "run the pod with hostUsers: true, or put --root on ext4, xfs or btrfs with Linux 5.19 or newer")
        }
        let record: SnapshotRecord
        switch try begin(id, image, wanted, note) {
        case .existing(let existing): return existing
        case .new(let new): record = new
        }
        defer {
            release(layers: record.layerKeys, directories: record.layerNames)
            state.withLock { $0.busySnapshots[id] = nil }
        }
        let temporary = temporaryName("snapshot")
        do throws(SwiftletError) {
            try build(record, temporary)
            try locked { state throws(SwiftletError) in
                try directories.temporary.rename(temporary, to: FileName(id), in: directories.snapshots)
                state.snapshots[id] = record
            }
        } catch {
            var failure = error
            do throws(SwiftletError) { try directories.temporary.removeTree(temporary) } catch {
                failure.notes.append(error.message)
            }
            throw failure
        }
        return record
    }

    private enum Beginning {
        case existing(SnapshotRecord)
        case new(SnapshotRecord)
    }

    /// Reserves the ID and leases the image's layers.
    private func begin(
        _ id: String, _ image: Digest, _ wanted: SnapshotRecord.Wanted, _ note: String
    ) throws(SwiftletError) -> Beginning {
        try locked { state throws(SwiftletError) in
            guard state.busySnapshots[id] == nil else {
                throw SwiftletError(.aborted, "is being made", hint: "try again")
            }
            if let existing = state.snapshots[id] {
                guard existing.image == image, existing.use == wanted.use else {
                    throw SwiftletError(.alreadyExists, "exists as a \(existing.use) of image \(existing.image)")
                }
                guard existing.wanted == wanted else {
                    throw SwiftletError(.alreadyExists, "exists with other volumes or owners")
                }
                return .existing(existing)
            }
            let layers = try Self.lease(layersOf: image, &state)
            let overlays = snapshotter.kind == .overlay && layers.allSatisfy { $0.form == .overlay }
            state.busySnapshots[id] = image
            return .new(
                SnapshotRecord(
                    id: id, wanted: wanted, image: image, kind: overlays ? .overlay : .copy,
                    layerKeys: layers.map(\.key), layerNames: layers.map(\.name), createdAt: wallClockNanoseconds(),
                    note: note))
        }
    }

    private func build(_ record: SnapshotRecord, _ temporary: FileName) throws(SwiftletError) {
        try directories.temporary.makeDirectory(temporary)
        let own = try directories.temporary.openDirectory(temporary)
        try own.makeDirectory(record.ownTree, mode: 0o755)
        let root = try own.openDirectory(record.ownTree)
        if record.kind == .copy {
            var merge = TreeMerge(into: root)
            for name in record.layerNames { try merge.add(try directories.layers.openDirectory(FileName(name))) }
        } else if record.use == .container {
            try own.makeDirectory("work")
        }
        try rootAttributes(record).apply(to: root.descriptor)
        if record.kind == .overlay, let owners = record.wanted.owners { try Self.map(root, owners) }
        try makeVolumes(record, in: own)
        try own.createFile(SnapshotRecord.fileName).writeAll(record.serialized())
    }

    /// Of the highest layer that says something of the root directory. Overlayfs shows those of the top directory.
    private func rootAttributes(_ record: SnapshotRecord) throws(SwiftletError) -> EntryAttributes {
        let layers = state.withLock { $0.catalog.layers }
        for (key, name) in zip(record.layerKeys, record.layerNames).reversed() {
            guard layers[key]?.rootIsExplicit == true else { continue }
            let directory = try directories.layers.openDirectory(FileName(name))
            return EntryAttributes(
                try directory.ownStatus(), extendedAttributes: try directory.extendedAttributes("."))
        }
        return .implicitDirectory
    }

    /// An upper directory is not mapped, so its owner is the one outside.
    private static func map(_ root: Directory, _ owners: IDMapping) throws(SwiftletError) {
        let status = try root.ownStatus()
        guard let user = owners.outside(user: status.uid), let group = owners.outside(group: status.gid) else {
            throw SwiftletError(
                .failedPrecondition,
                "the image's root directory belongs to \(status.uid):\(status.gid), whom the user namespace does not have",
                hint: "give the pod more ids, or run it with hostUsers: true")
        }
        try root.descriptor.setOwner(uid: user, gid: group)
        // chown(2) takes such bits away.
        try root.descriptor.setMode(status.mode)
    }

    private static func isSnapshotID(_ id: String) -> Bool {
        func isWord(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        }
        guard let first = id.utf8.first, isWord(first), id.utf8.count <= 128 else { return false }
        return id.utf8.allSatisfy { isWord($0) || $0 == 0x5f || $0 == 0x2e || $0 == 0x2d }
    }

    private func rootFilesystem(_ record: SnapshotRecord) -> RootFilesystem {
        let own = "\(directories.path)/snapshots/\(record.id)"
        guard record.kind == .overlay else { return .directory(path: "\(own)/rootfs") }
        return .overlay(
            layersDirectory: "\(directories.path)/layers", lowers: record.lowers, upper: "\(own)/upper",
            work: "\(own)/work")
    }

    func snapshotRecord(
        _ id: String, _ use: SnapshotRecord.Use = .container
    ) throws(SwiftletError) -> SnapshotRecord {
        guard let record = state.withLock({ $0.snapshots[id] }), record.use == use else {
            throw .notFound(use == .container ? "snapshot" : "view", id)
        }
        return record
    }

    /// Errors: `notFound`.
    public func rootFilesystem(ofSnapshot id: String) throws(SwiftletError) -> RootFilesystem {
        rootFilesystem(try snapshotRecord(id))
    }

    /// Oldest first.
    public func snapshots() -> [Snapshot] {
        state.withLock { Array($0.snapshots.values) }
            .filter { $0.use == .container }
            .map { Snapshot(id: $0.id, image: $0.image, createdAt: $0.createdAt) }
            .sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    }

    /// Removes a snapshot and its files; absent is fine. Unmount it first: files still open live until they are closed.
    public func removeSnapshot(id: String) throws(SwiftletError) {
        do throws(SwiftletError) { try remove(id, .container) } catch {
            throw error.during("remove snapshot", printable(id))
        }
    }

    func remove(_ id: String, _ use: SnapshotRecord.Use) throws(SwiftletError) {
        let trash = temporaryName("trash")
        let existed = try locked { state throws(SwiftletError) in
            guard state.busySnapshots[id] == nil else {
                throw SwiftletError(.aborted, "is being made", hint: "try again")
            }
            guard state.snapshots[id]?.use == use else { return false }
            try directories.snapshots.rename(FileName(id), to: trash, in: directories.temporary)
            state.snapshots[id] = nil
            return true
        }
        guard existed else { return }
        usages.forget(id)
        try directories.temporary.removeTree(trash)
        try collectGarbage()
    }
}
