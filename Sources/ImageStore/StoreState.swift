import Errors
import JSON
import LinuxSystem
import Logging
import OCI

/// What the store knows, under its lock. `catalog` is on disk; `images` is read from it and the blobs.
struct StoreState: Sendable {
    var catalog: Catalog
    var images: [Digest: Image]
    var snapshots: [String: SnapshotRecord]
    /// Snapshots being made outside the lock, and of which image.
    var busySnapshots: [String: Digest] = [:]
    /// How many loads, preparations and readers use a layer or blob: it is not collected.
    var layerLeases: [String: Int] = [:]
    /// As above, by the name of its directory: a layer of the other back-end's form may be unpacked anew under its key.
    var directoryLeases: [String: Int] = [:]
    var blobLeases: [Digest: Int] = [:]
}

extension ImageStore {
    /// Reads the index and repairs: images whose parts are missing are dropped, broken snapshots removed.
    static func open(_ directories: StoreDirectories, _ logger: Logger) throws(SwiftletError) -> StoreState {
        var catalog = Catalog()
        if try directories.root.status(Catalog.fileName) != nil {
            let file = try directories.root.openFile(Catalog.fileName)
            catalog = try Catalog(try file.readAll(limit: 1 << 28, "index.json"))
        }
        for (key, layer) in catalog.layers
        where try directories.layers.status(FileName(layer.name))?.kind != .directory {
            logger.warning("unpacked layer \(layer.diffID) is missing")
            catalog.layers[key] = nil
        }
        var images: [Digest: Image] = [:]
        for record in catalog.images.values {
            do throws(SwiftletError) { images[record.id] = try image(record, catalog, directories) } catch {
                logger.warning("image \(record.id) is dropped: \(error)", metadata: ["names": "\(record.names)"])
                catalog.images[record.id] = nil
            }
        }
        return StoreState(
            catalog: catalog, images: images, snapshots: try openSnapshots(directories, logger))
    }

    /// The image of a record, from its blobs.
    static func image(
        _ record: ImageRecord, _ catalog: Catalog, _ directories: StoreDirectories
    ) throws(SwiftletError) -> Image {
        func document(_ digest: Digest) throws(SwiftletError) -> JSONValue {
            let file = try directories.blobDirectory(digest).openFile(FileName(digest.hex))
            let bytes = try file.readAll(limit: 64 << 20, "blob \(digest)")
            guard try Digest.of(bytes, digest.algorithm) == digest else {
                throw SwiftletError(.dataLoss, "is damaged", object: "blob \(digest)")
            }
            return try JSONValue.parse(bytes)
        }
        let manifest = try ImageManifest(document(record.manifest), document: "manifest \(record.manifest)")
        let config = try ImageConfig(document(record.id), document: "config \(record.id)")
        guard manifest.layers.count == record.layerKeys.count, config.diffIDs.count == record.layerKeys.count else {
            throw SwiftletError(.dataLoss, "does not have as many layers as its manifest", object: "image \(record.id)")
        }
        var layers: [ImageLayer] = []
        for ((descriptor, diffID), key) in zip(zip(manifest.layers, config.diffIDs), record.layerKeys) {
            guard let layer = catalog.layers[key] else { throw .notFound("unpacked layer", diffID.description) }
            layers.append(
                ImageLayer(
                    digest: descriptor.digest, diffID: diffID, mediaType: descriptor.mediaType, size: descriptor.size,
                    unpackedSize: layer.bytes))
        }
        var names: [ImageReference] = []
        for name in record.names { names.append(try ImageReference(parsing: name)) }
        let size = layers.reduce(0) { $0 + $1.size }
        let manifestSize =
            try directories.blobDirectory(record.manifest).status(FileName(record.manifest.hex))?.size ?? 0
        var image = Image(
            id: record.id, manifestDigest: record.manifest, manifestIsSynthesised: record.synthesised, names: names,
            config: config, layers: layers, size: size + manifest.config.size + manifestSize, loadedAt: record.loadedAt,
            layerKeys: record.layerKeys)
        image.isPinned = record.isPinned
        return image
    }

    /// Writes the index. Call under the lock, before `state.catalog` is replaced.
    func write(_ catalog: Catalog) throws(SwiftletError) {
        try directories.replace(Catalog.fileName, in: directories.root, with: catalog.serialized())
    }

    /// `Mutex.withLock` with a typed error.
    func locked<Value: Sendable>(
        _ body: (inout sending StoreState) throws(SwiftletError) -> sending Value
    ) throws(SwiftletError) -> Value {
        try state.withLock(body)
    }
}
