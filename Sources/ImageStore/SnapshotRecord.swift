import Errors
import JSON
import LinuxSystem
import Logging
import OCI

/// `snapshot.json`: what a directory below `snapshots` is, and what it holds of the store. Its layers stay as long as it
/// does.
struct SnapshotRecord: Sendable, Equatable {
    static let fileName = FileName("snapshot.json")
    /// The directory of image volumes.
    static let volumes = FileName("volumes")

    enum Use: String, Sendable {
        /// A container's root filesystem.
        case container
        /// An image looked into.
        case view
    }

    /// What it was asked to be.
    struct Wanted: Sendable, Equatable {
        var use: Use
        /// Paths in the container of its image volumes; the directory of each below `volumes` is its place here.
        var volumes: [String] = []
        /// Of the user namespace it is for.
        var owners: IDMapping?
    }

    let id: String
    let wanted: Wanted
    let image: Digest
    let kind: SnapshotterReport.Kind
    /// Base first.
    let layerKeys: [String]
    /// Directories below `layers`, base first.
    let layerNames: [String]
    let createdAt: Int64
    /// The caller's words.
    var note = ""

    var use: Use { wanted.use }
    var volumes: [String] { wanted.volumes }

    /// The tree of its own: what is written to, or the whole copy. Of a view an empty directory that lies on top, for
    /// the attributes of the root.
    var ownTree: FileName {
        switch (kind, use) {
        case (.copy, _): "rootfs"
        case (.overlay, .container): "upper"
        case (.overlay, .view): "root"
        }
    }

    /// Names below `layers` for overlayfs, top first. It takes a directory once: of a layer that an image has twice the
    /// upper place alone shows the same tree.
    var lowers: [String] {
        var seen: Set<String> = []
        let lowers = layerNames.reversed().filter { seen.insert($0).inserted }
        return lowers.isEmpty ? [StoreDirectories.emptyLayer.text] : lowers
    }

    func serialized() -> [UInt8] {
        var value: JSONValue = [
            "use": .string(use.rawValue), "image": .string(image.description), "kind": .string(kind.rawValue),
            "layerKeys": .array(layerKeys.map { .string($0) }), "layerNames": .array(layerNames.map { .string($0) }),
            "createdAt": .int(createdAt), "volumes": .array(volumes.map { .string($0) }), "note": .string(note),
        ]
        if let owners = wanted.owners {
            value["users"] = Self.json(owners.users)
            value["groups"] = Self.json(owners.groups)
        }
        return value.serialized()
    }

    private static func json(_ ranges: [IDRange]) -> JSONValue {
        .array(
            ranges.map { .array([$0.inside, $0.outside, $0.count].map { .int(Int64($0)) }) })
    }
}

extension SnapshotRecord {
    init(id: String, _ bytes: [UInt8]) throws(SwiftletError) {
        let value = try JSONValue.parse(bytes)
        // Of before there were views: a container's.
        let use = value["use"].map { Use(rawValue: $0.string ?? "") } ?? .container
        guard let use, let kind = SnapshotterReport.Kind(rawValue: value["kind"]?.string ?? ""),
            let keys = value["layerKeys"]?.array, let names = value["layerNames"]?.array,
            let createdAt = value["createdAt"]?.int
        else { throw SwiftletError(.dataLoss, "lacks a field", object: "snapshot.json") }
        var wanted = Wanted(use: use, volumes: (value["volumes"]?.array ?? []).compactMap(\.string))
        if let users = value["users"], let groups = value["groups"] {
            wanted.owners = IDMapping(users: Self.ranges(users), groups: Self.ranges(groups))
        }
        self.init(
            id: id, wanted: wanted, image: try Digest(parsing: value["image"]?.string ?? ""), kind: kind,
            layerKeys: keys.compactMap(\.string), layerNames: names.compactMap(\.string), createdAt: createdAt,
            note: value["note"]?.string ?? "")
    }

    private static func ranges(_ value: JSONValue) -> [IDRange] {
        (value.array ?? []).compactMap { range in
            let numbers = (range.array ?? []).compactMap(\.int).map { UInt32(clamping: $0) }
            return numbers.count == 3 ? IDRange(inside: numbers[0], outside: numbers[1], count: numbers[2]) : nil
        }
    }
}

extension ImageStore {
    /// Reads all records. A snapshot without a good one is removed.
    static func openSnapshots(
        _ directories: StoreDirectories, _ logger: Logger
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
}
