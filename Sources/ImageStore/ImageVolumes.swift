import Errors
import LinuxSystem
import OCI

/// A directory of a container's own that the image asks for (`VOLUME`), filled with what the image has there.
public struct ImageVolume: Sendable, Equatable {
    /// In the container. Absolute.
    public let path: String
    /// On the host: to be bind-mounted at `path`; with its owners mapped (`DetachedMount.mapOwners`) in a pod with a user
    /// namespace.
    public let directory: String
}

extension ImageStore {
    /// The volumes a snapshot was prepared with, in that order. They are part of it: removed with it, counted with it.
    /// Errors: `notFound`.
    public func imageVolumes(ofSnapshot id: String) throws(SwiftletError) -> [ImageVolume] {
        let record = try snapshotRecord(id)
        return record.volumes.enumerated().map { index, path in
            ImageVolume(
                path: path, directory: "\(directories.path)/snapshots/\(id)/\(SnapshotRecord.volumes.text)/\(index)")
        }
    }

    /// Makes a snapshot's volumes below its directory `own`: each has the owner, mode and content of the directory that
    /// the image has at its path, or is empty and root's. Links on the way are followed inside the image's layers.
    func makeVolumes(_ record: SnapshotRecord, in own: Directory) throws(SwiftletError) {
        guard !record.volumes.isEmpty else { return }
        try own.makeDirectory(SnapshotRecord.volumes)
        let parent = try own.openDirectory(SnapshotRecord.volumes)
        let view = LayeredView(layers: try lowers(record.layerNames))
        for (index, path) in record.volumes.enumerated() {
            do throws(SwiftletError) {
                let name = FileName(String(index))
                try parent.makeDirectory(name, mode: 0o755)
                try Self.fill(try parent.openDirectory(name), with: path, of: view)
            } catch {
                throw error.during("make image volume", printable(path))
            }
        }
    }

    private static func fill(
        _ volume: Directory, with path: String, of view: LayeredView
    ) throws(SwiftletError) {
        switch try view.resolve(path) {
        case nil: try EntryAttributes.implicitDirectory.apply(to: volume.descriptor)
        case .directory(let parts):
            var merge = TreeMerge(into: volume)
            for part in parts.reversed() { try merge.add(part) }
        case .other:
            throw SwiftletError(
                .failedPrecondition, "the image has something there that is no directory",
                hint: "mount something at that path, or build the image without this VOLUME")
        }
    }
}
