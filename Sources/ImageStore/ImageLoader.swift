import Errors
import LinuxSystem
import OCI

/// One load, from the archive's first byte to the store's index.
struct ImageLoader {
    let session: LoadSession
    let options: LoadOptions
    let progress: LoadReporter

    /// From an archive's bytes, read once.
    func run(archive source: DescriptorSource) throws(SwiftletError) -> [LoadedImage] {
        let plain = try decompressed(source, object: "archive", limits: session.limits)
        let reporter = progress
        let contents = try ArchivePass.run(session, plain) { reporter.report(.reading, layersDone: $0) }
        return try store(try ImageSelection(session: session, contents: contents, options: options).run(), contents)
    }

    /// From an OCI layout's folder, an open directory.
    func run(folder raw: Int32) throws(SwiftletError) -> [LoadedImage] {
        let reporter = progress
        var folder = try LayoutFolder(session, raw) { reporter.report(.reading, layersDone: $0) }
        let documents = try folder.readDocuments()
        let images = try ImageSelection(session: session, contents: documents, options: options).run()
        return try store(images, try folder.readLayers(of: images))
    }

    private func store(
        _ images: [SelectedImage], _ contents: ArchiveContents
    ) throws(SwiftletError) -> [LoadedImage] {
        var contents = contents
        var stored: [ImageCommit] = []
        let total = images.reduce(0) { $0 + $1.manifest.layers.count }
        var done = 0
        // Layers of earlier images of this archive, by key.
        var ready: [String: PlacedLayer] = [:]
        for image in images {
            var layers: [PlacedLayer] = []
            for place in try Self.layerPlaces(image) {
                progress.report(.unpacking, layersDone: done, of: total)
                let layer = try placeLayer(place, lowers: layers, contents: &contents, ready: ready)
                ready[layer.key] = layer
                layers.append(layer)
                done += 1
            }
            stored.append(try commit(image, layers, contents))
        }
        progress.report(.committing, layersDone: done, of: total)
        try session.cancellation.check()
        return try session.store.commit(stored, from: session)
    }

    // MARK: Layers

    private struct LayerPlace {
        let descriptor: Descriptor
        let diffID: Digest
        let chainID: Digest
    }

    private static func layerPlaces(_ image: SelectedImage) throws(SwiftletError) -> [LayerPlace] {
        let layers = image.manifest.layers
        let diffIDs = image.config.diffIDs
        guard layers.count == diffIDs.count else {
            throw .invalid(
                "has \(layers.count) layers, but its config lists \(diffIDs.count) diff_ids",
                object: "manifest \(image.manifestDigest)")
        }
        let chain = try chainIDs(diffIDs)
        for layer in layers where !MediaType.isLayer(layer.mediaType) {
            throw SwiftletError(
                .unimplemented, "is of media type \"\(printable(layer.mediaType))\", which is no layer of files",
                object: "layer \(layer.digest)")
        }
        return layers.indices.map { LayerPlace(descriptor: layers[$0], diffID: diffIDs[$0], chainID: chain[$0]) }
    }

    /// The layer unpacked: the store's, an earlier image's, what was unpacked while reading, or unpacked now.
    private func placeLayer(
        _ place: LayerPlace, lowers: [PlacedLayer], contents: inout ArchiveContents, ready: [String: PlacedLayer]
    ) throws(SwiftletError) -> PlacedLayer {
        try checkSize(place.descriptor, contents)
        if session.store.hasLayer(diffID: place.diffID, chainID: place.chainID)
            || ready[LayerRecord.key(diffID: place.diffID)] ?? ready[LayerRecord.key(chainID: place.chainID)] != nil
        {
            try checkContent(place, &contents)
        }
        if let record = session.leaseLayer(diffID: place.diffID, chainID: place.chainID) {
            return PlacedLayer(
                record: record, directory: try session.store.layerDirectory(record), unpacked: nil)
        }
        if let layer = ready[LayerRecord.key(diffID: place.diffID)] ?? ready[LayerRecord.key(chainID: place.chainID)] {
            return layer
        }
        let below = lowers.reversed().map(\.directory)
        let layer = try unpack(place, below, &contents)
        try Self.check(layer.diffID, place)
        contents.verified[place.descriptor.digest] = layer.diffID
        try layer.adoptParents(from: below)
        let key =
            layer.dependsOnLowers ? LayerRecord.key(chainID: place.chainID) : LayerRecord.key(diffID: place.diffID)
        let record = LayerRecord(
            name: "", key: key, diffID: place.diffID, bytes: layer.bytes, entries: layer.entries,
            form: session.store.whiteoutForm, rootIsExplicit: layer.rootIsExplicit)
        return PlacedLayer(record: record, directory: layer.directory, unpacked: layer)
    }

    private static func check(_ diffID: Digest, _ place: LayerPlace) throws(SwiftletError) {
        guard diffID == place.diffID else {
            throw SwiftletError(
                .dataLoss, "unpacks to \(diffID) where the config says \(place.diffID)",
                object: "layer \(place.descriptor.digest)", hint: "make or fetch the archive again")
        }
    }

    /// Checks a blob whose layer is there already and is not unpacked again: it must be what makes that layer all the same,
    /// since it is what goes out when the image is saved.
    private func checkContent(_ place: LayerPlace, _ contents: inout ArchiveContents) throws(SwiftletError) {
        let digest = place.descriptor.digest
        if let known = contents.verified[digest], known.algorithm == place.diffID.algorithm {
            return try Self.check(known, place)
        }
        if let blob = contents.blobs[digest], case .temporary = blob.place {
            if case .done(let layer) = blob.unpacking, layer.diffID.algorithm == place.diffID.algorithm {
                return try Self.check(layer.diffID, place)
            }
        } else if session.store.diffIDs(ofLayer: digest).contains(place.diffID) {
            return
        }
        let file = try openLayer(place, contents)
        let source = try DescriptorSource(file.raw, cancellation: session.cancellation)
        let plain = try decompressed(source, object: "layer \(digest)", limits: session.limits)
        var hasher = try DigestHasher(place.diffID.algorithm)
        var total: Int64 = 0
        while true {
            let bytes = try plain.read()
            if bytes.count == 0 { break }
            total += Int64(bytes.count)
            guard total <= session.limits.layerBytes else {
                throw SwiftletError(
                    .resourceExhausted, "unpacks to more than \(session.limits.layerBytes) bytes",
                    object: "layer \(digest)", hint: ImageLimits.hint("layer-size"))
            }
            try hasher.update(bytes)
        }
        let found = try hasher.finish()
        try Self.check(found, place)
        contents.verified[digest] = found
    }

    private func checkSize(_ descriptor: Descriptor, _ contents: ArchiveContents) throws(SwiftletError) {
        var known = contents.blobs[descriptor.digest]?.size
        if known == nil { known = try session.leaseBlob(descriptor.digest) }
        guard let size = known else { return }
        guard size == descriptor.size else {
            throw SwiftletError(
                .dataLoss, "has \(size) bytes where the manifest says \(descriptor.size)",
                object: "layer \(descriptor.digest)")
        }
    }

    private func unpack(
        _ place: LayerPlace, _ below: [Directory], _ contents: inout ArchiveContents
    ) throws(SwiftletError) -> UnpackedLayer {
        let digest = place.descriptor.digest
        if let blob = contents.blobs[digest] {
            switch blob.unpacking {
            // Hashed while nothing told the algorithm: with another it is read again.
            case .done(let layer) where layer.diffID.algorithm == place.diffID.algorithm:
                // A tree that took attributes from the layers below cannot be given to another image as well.
                contents.blobs[digest]?.unpacking = .none
                return layer
            case .failed(let error) where !LayerApplier.needsLowers(error): throw error
            case .failed, .done, .none: break
            }
        }
        let file = try openLayer(place, contents)
        let source = try DescriptorSource(file.raw, cancellation: session.cancellation)
        let pipeline = try session.startPipeline(
            object: "layer \(digest)", lowers: below, algorithm: place.diffID.algorithm)
        do throws(SwiftletError) {
            while true {
                let bytes = try source.read()
                if bytes.count == 0 || !pipeline.push(bytes) { break }
            }
        } catch {
            pipeline.close(error)
            _ = Result { () throws(SwiftletError) in try pipeline.join() }
            throw error
        }
        pipeline.close()
        return try pipeline.join()
    }

    private func openLayer(_ place: LayerPlace, _ contents: ArchiveContents) throws(SwiftletError) -> OwnedDescriptor {
        let digest = place.descriptor.digest
        if let blob = contents.blobs[digest], case .temporary(let name) = blob.place {
            return try session.blobs.openFile(name)
        }
        guard try session.leaseBlob(digest) != nil else {
            let foreign = MediaType.isForeignLayer(place.descriptor.mediaType)
            throw .invalid(
                foreign
                    ? "is a foreign layer, kept elsewhere by its maker, and is not in the archive"
                    : "is named but is not in the archive", object: "layer \(digest)", hint: "make the archive again")
        }
        return try session.store.openBlob(digest)
    }

    // MARK: What to commit

    private func commit(
        _ image: SelectedImage, _ layers: [PlacedLayer], _ contents: ArchiveContents
    ) throws(SwiftletError) -> ImageCommit {
        var files: [Digest: FileName] = [:]
        for digest in [image.manifestDigest, image.configDigest] + image.manifest.layers.map(\.digest) {
            if let blob = contents.blobs[digest], case .temporary(let name) = blob.place {
                files[digest] = name
            } else if image.synthesised == nil || digest != image.manifestDigest {
                // Not in the archive: the store's own stays.
                guard try session.leaseBlob(digest) != nil else {
                    throw .invalid("is named but is not in the archive", object: "blob \(digest)")
                }
            }
        }
        if let bytes = image.synthesised {
            let name = session.nextName()
            try session.blobs.createFile(name).writeAll(bytes)
            files[image.manifestDigest] = name
        }
        return ImageCommit(image: image, layers: layers, blobFiles: files)
    }
}

/// A layer that is unpacked, in the store or in the load's own directory.
struct PlacedLayer {
    let record: LayerRecord
    let directory: Directory
    /// nil when the store has it.
    let unpacked: UnpackedLayer?

    var key: String { record.key }
}

/// Everything of one image that goes into the store in one step.
struct ImageCommit {
    let image: SelectedImage
    let layers: [PlacedLayer]
    /// Names in the load's `blobs` of what the store may not have.
    let blobFiles: [Digest: FileName]
}

/// Calls the progress closure, not more than ten times a second while reading.
final class LoadReporter {
    /// nil for a folder.
    private let source: DescriptorSource?
    private let unpacked: UnpackedBytes
    private let callback: (LoadProgress) -> Void
    private var last: Int64 = 0
    private var lastPhase: LoadProgress.Phase?

    init(_ source: DescriptorSource?, _ unpacked: UnpackedBytes, _ callback: @escaping (LoadProgress) -> Void) {
        self.source = source
        self.unpacked = unpacked
        self.callback = callback
    }

    func report(_ phase: LoadProgress.Phase, layersDone: Int, of total: Int? = nil) {
        let now = monotonicNanoseconds()
        guard phase != lastPhase || now - last > 100_000_000 else { return }
        (last, lastPhase) = (now, phase)
        callback(
            LoadProgress(
                phase: phase, bytesRead: source?.position ?? unpacked.value, bytesTotal: source?.size,
                bytesUnpacked: unpacked.value,
                layersDone: layersDone, layersTotal: total))
    }
}
