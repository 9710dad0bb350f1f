import Errors
import Glibc
import JSON
import LinuxSystem
import Logging
import OCI

/// A container's root filesystem, as the runtime mounts it.
public enum RootFilesystem: Sendable, Equatable {
    /// Overlay: change to `layersDirectory`, then mount with `lowers` (relative to it, top first), `upper` and `work`
    /// (absolute). See `overlayOptions`.
    case overlay(layersDirectory: String, lowers: [String], upper: String, work: String)
    /// A plain tree.
    case directory(path: String)

    /// The data argument of mount(2) for the overlay; nil for a plain tree. `volatile`: no sync at unmount, which a
    /// container's own writes need only if they are to outlive the machine. Long enough for 500 lowers: it stays below a
    /// page since their names are short.
    public func overlayOptions(volatile: Bool = false) -> String? {
        guard case .overlay(_, let lowers, let upper, let work) = self else { return nil }
        let options = "lowerdir=\(lowers.joined(separator: ":")),upperdir=\(upper),workdir=\(work)"
        return options + ",index=off,metacopy=off,redirect_dir=off" + (volatile ? ",volatile" : "")
    }
}

/// A snapshot of the store.
public struct Snapshot: Sendable, Equatable {
    public let id: String
    public let image: Digest
    /// Unix nanoseconds.
    public let createdAt: Int64
}

/// `snapshot.json`.
struct SnapshotRecord: Sendable, Equatable {
    static let fileName = FileName("snapshot.json")

    let id: String
    let image: Digest
    let kind: SnapshotterReport.Kind
    /// Base first.
    let layerKeys: [String]
    /// Directories below `layers`, base first.
    let layerNames: [String]
    let createdAt: Int64

    func serialized() -> [UInt8] {
        let value: JSONValue = [
            "image": .string(image.description), "kind": .string(kind.rawValue),
            "layerKeys": .array(layerKeys.map { .string($0) }), "layerNames": .array(layerNames.map { .string($0) }),
            "createdAt": .int(createdAt),
        ]
        return value.serialized()
    }

    init(
        id: String, image: Digest, kind: SnapshotterReport.Kind, layerKeys: [String], layerNames: [String],
        createdAt: Int64
    ) {
        self.id = id
        self.image = image
        self.kind = kind
        self.layerKeys = layerKeys
        self.layerNames = layerNames
        self.createdAt = createdAt
    }

    init(id: String, _ bytes: [UInt8]) throws(SwiftletError) {
        let value = try JSONValue.parse(bytes)
        guard let kind = SnapshotterReport.Kind(rawValue: value["kind"]?.string ?? ""),
            let keys = value["layerKeys"]?.array, let names = value["layerNames"]?.array,
            let createdAt = value["createdAt"]?.int
        else { throw SwiftletError(.dataLoss, "lacks a field", object: "snapshot.json") }
        self.init(
            id: id, image: try Digest(parsing: value["image"]?.string ?? ""), kind: kind,
            layerKeys: keys.compactMap(\.string), layerNames: names.compactMap(\.string), createdAt: createdAt)
    }
}

extension ImageStore {
    /// Makes a root filesystem of an image with a writable layer of its own. The same call again returns the same. Copying
    /// takes as long as the image is large; overlay takes no time. Errors: `notFound` without the image, `alreadyExists`
    /// when the ID is another image's, `aborted` while it is being made or removed, `invalidArgument` for a bad ID.
    public func prepareSnapshot(id: String, image: Digest) throws(SwiftletError) -> RootFilesystem {
        do throws(SwiftletError) {
            guard Self.isSnapshotID(id) else {
                throw .invalid("is no snapshot ID: at most 128 of A-Z a-z 0-9 _ . -, starting with a letter or digit")
            }
            let record: SnapshotRecord
            switch try begin(id, image) {
            case .existing(let existing): return rootFilesystem(existing)
            case .new(let new): record = new
            }
            defer {
                release(layers: record.layerKeys)
                state.withLock { _ = $0.busySnapshots.remove(id) }
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
            return rootFilesystem(record)
        } catch {
            throw error.during("prepare snapshot", printable(id))
        }
    }

    private enum Beginning {
        case existing(SnapshotRecord)
        case new(SnapshotRecord)
    }

    /// Reserves the ID and leases the image's layers.
    private func begin(_ id: String, _ image: Digest) throws(SwiftletError) -> Beginning {
        try locked { state throws(SwiftletError) in
            guard !state.busySnapshots.contains(id) else {
                throw SwiftletError(.aborted, "is being made or removed", hint: "try again")
            }
            if let existing = state.snapshots[id] {
                guard existing.image == image else {
                    throw SwiftletError(.alreadyExists, "exists for image \(existing.image)")
                }
                return .existing(existing)
            }
            guard let found = state.images[image] else { throw .notFound("image", image.description) }
            let layers = found.layerKeys.compactMap { state.catalog.layers[$0] }
            guard layers.count == found.layerKeys.count else { throw .notFound("a layer of image", image.description) }
            let overlays = snapshotter.kind == .overlay && layers.allSatisfy { $0.form == .overlay }
            for layer in layers { state.layerLeases[layer.key, default: 0] += 1 }
            state.busySnapshots.insert(id)
            return .new(
                SnapshotRecord(
                    id: id, image: image, kind: overlays ? .overlay : .copy, layerKeys: found.layerKeys,
                    layerNames: layers.map(\.name), createdAt: wallClockNanoseconds()))
        }
    }

    private func build(_ record: SnapshotRecord, _ temporary: FileName) throws(SwiftletError) {
        try directories.temporary.makeDirectory(temporary)
        let own = try directories.temporary.openDirectory(temporary)
        let tree = FileName(record.kind == .overlay ? "upper" : "rootfs")
        try own.makeDirectory(tree, mode: 0o755)
        let root = try own.openDirectory(tree)
        switch record.kind {
        case .overlay: try own.makeDirectory("work")
        case .copy:
            var merge = TreeMerge(into: root)
            for name in record.layerNames { try merge.add(try directories.layers.openDirectory(FileName(name))) }
        }
        try rootAttributes(record).apply(to: root.descriptor)
        try own.createFile(SnapshotRecord.fileName).writeAll(record.serialized())
    }

    /// Of the highest layer that says something of the root directory. Overlayfs shows those of the upper one.
    private func rootAttributes(_ record: SnapshotRecord) throws(SwiftletError) -> EntryAttributes {
        let layers = state.withLock { $0.catalog.layers }
        for key in record.layerKeys.reversed() {
            guard let layer = layers[key], layer.rootIsExplicit else { continue }
            let directory = try layerDirectory(layer)
            return EntryAttributes(
                try directory.ownStatus(), extendedAttributes: try directory.extendedAttributes("."))
        }
        return .implicitDirectory
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
        // Overlayfs takes a directory once. Of a layer that an image has twice the upper place alone shows the same tree.
        var seen: Set<String> = []
        var lowers = record.layerNames.reversed().filter { seen.insert($0).inserted }
        if lowers.isEmpty { lowers = [StoreDirectories.emptyLayer.text] }
        return .overlay(
            layersDirectory: "\(directories.path)/layers", lowers: lowers, upper: "\(own)/upper", work: "\(own)/work")
    }

    private func record(_ id: String) throws(SwiftletError) -> SnapshotRecord {
        guard let record = state.withLock({ $0.snapshots[id] }) else { throw .notFound("snapshot", id) }
        return record
    }

    /// Errors: `notFound`.
    public func rootFilesystem(ofSnapshot id: String) throws(SwiftletError) -> RootFilesystem {
        rootFilesystem(try record(id))
    }

    /// Oldest first.
    public func snapshots() -> [Snapshot] {
        state.withLock { Array($0.snapshots.values) }
            .map { Snapshot(id: $0.id, image: $0.image, createdAt: $0.createdAt) }
            .sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    }

    /// Removes a snapshot and its files; absent is fine. Unmount it first: files still open live until they are closed.
    public func removeSnapshot(id: String) throws(SwiftletError) {
        let trash = temporaryName("trash")
        do throws(SwiftletError) {
            let existed = try locked { state throws(SwiftletError) in
                guard !state.busySnapshots.contains(id) else {
                    throw SwiftletError(.aborted, "is being made", hint: "try again")
                }
                guard state.snapshots[id] != nil else { return false }
                try directories.snapshots.rename(FileName(id), to: trash, in: directories.temporary)
                state.snapshots[id] = nil
                return true
            }
            guard existed else { return }
            try directories.temporary.removeTree(trash)
            try collectGarbage()
        } catch {
            throw error.during("remove snapshot", printable(id))
        }
    }

    /// Space the writable layer takes: overlay's upper directory, or the whole copy.
    public func snapshotUsage(id: String) throws(SwiftletError) -> StoreUsage {
        let record = try record(id)
        let own = try directories.snapshots.openDirectory(FileName(id))
        return try treeUsage(try own.openDirectory(FileName(record.kind == .overlay ? "upper" : "rootfs")))
    }

    static func openSnapshots(
        _ directories: StoreDirectories, _ catalog: Catalog, _ logger: Logger
    ) throws(SwiftletError) -> [String: SnapshotRecord] {
        var snapshots: [String: SnapshotRecord] = [:]
        for name in try directories.snapshots.names() {
            do throws(SwiftletError) {
                let own = try directories.snapshots.openDirectory(name)
                let bytes = try own.openFile(SnapshotRecord.fileName).readAll(limit: 1 << 20, "snapshot.json")
                snapshots[name.text] = try SnapshotRecord(id: name.text, bytes)
            } catch {
                logger.warning("snapshot \(printable(name.text)) is broken and is removed: \(error)")
                try directories.snapshots.rename(name, to: FileName("broken-\(name.text)"), in: directories.temporary)
            }
        }
        try directories.temporary.removeContents()
        return snapshots
    }

    // MARK: Looking inside

    /// The bytes of a file as a container with this snapshot sees it, without mounting anything: links are followed inside
    /// the root only. nil when nothing is there. Errors: `failedPrecondition` for what is no regular file,
    /// `resourceExhausted` beyond `limit` bytes.
    public func readFile(inSnapshot id: String, path: String, limit: Int = 1 << 20) throws(SwiftletError) -> [UInt8]? {
        let record = try record(id)
        let own = try directories.snapshots.openDirectory(FileName(id))
        guard record.kind == .overlay else {
            return try LayeredView(layers: [try own.openDirectory("rootfs")]).readFile(path, limit: limit)
        }
        let layers = try lowers(record.layerNames)
        return try LayeredView(layers: [try own.openDirectory("upper")] + layers).readFile(path, limit: limit)
    }

    /// As above, of an image.
    public func readFile(inImage id: Digest, path: String, limit: Int = 1 << 20) throws(SwiftletError) -> [UInt8]? {
        let names = state.withLock { state in
            state.images[id]?.layerKeys.compactMap { state.catalog.layers[$0]?.name }
        }
        guard let names else { throw .notFound("image", id.description) }
        return try LayeredView(layers: try lowers(names)).readFile(path, limit: limit)
    }

    /// Top first.
    private func lowers(_ names: [String]) throws(SwiftletError) -> [Directory] {
        try names.reversed().map { name throws(SwiftletError) in try directories.layers.openDirectory(FileName(name)) }
    }
}
