import Errors
import LinuxSystem
import OCI

/// What changes the index: committing a load, collecting garbage.
extension ImageStore {
    // MARK: Leases

    /// The size of the blob if the store has it. Pair with `release`.
    func leaseBlob(_ digest: Digest) throws(SwiftletError) -> Int64? {
        try locked { state throws(SwiftletError) in
            guard let status = try directories.blobDirectory(digest).status(FileName(digest.hex)) else { return nil }
            state.blobLeases[digest, default: 0] += 1
            return status.size
        }
    }

    func hasLayer(diffID: Digest, chainID: Digest) -> Bool {
        state.withLock { state in
            let layers = state.catalog.layers
            let record = layers[LayerRecord.key(diffID: diffID)] ?? layers[LayerRecord.key(chainID: chainID)]
            return record?.form == whiteoutForm
        }
    }

    /// What images say that a layer's blob unpacks to: checked when it came.
    func diffIDs(ofLayer digest: Digest) -> Set<Digest> {
        let images = state.withLock { $0.images }
        return Set(images.values.flatMap(\.layers).filter { $0.digest == digest }.map(\.diffID))
    }

    /// Pair with `release`.
    func leaseLayer(diffID: Digest, chainID: Digest) -> LayerRecord? {
        state.withLock { state in
            let layers = state.catalog.layers
            let record = layers[LayerRecord.key(diffID: diffID)] ?? layers[LayerRecord.key(chainID: chainID)]
            // A layer kept for another back-end than today's is unpacked again.
            guard let record, record.form == whiteoutForm else { return nil }
            state.layerLeases[record.key, default: 0] += 1
            return record
        }
    }

    /// The layers of an image, base first, whatever their form. Pair with `release`. Errors: `notFound`.
    static func lease(layersOf image: Digest, _ state: inout StoreState) throws(SwiftletError) -> [LayerRecord] {
        guard let found = state.images[image] else { throw .notFound("image", image.description) }
        let layers = found.layerKeys.compactMap { state.catalog.layers[$0] }
        guard layers.count == found.layerKeys.count else { throw .notFound("a layer of image", image.description) }
        for layer in layers {
            state.layerLeases[layer.key, default: 0] += 1
            state.directoryLeases[layer.name, default: 0] += 1
        }
        return layers
    }

    func release(layers: [String] = [], directories: [String] = [], blobs: [Digest] = []) {
        func drop<Key>(_ key: Key, of leases: inout [Key: Int]) {
            let count = (leases[key] ?? 1) - 1
            leases[key] = count > 0 ? count : nil
        }
        state.withLock { state in
            for key in layers { drop(key, of: &state.layerLeases) }
            for name in directories { drop(name, of: &state.directoryLeases) }
            for digest in blobs { drop(digest, of: &state.blobLeases) }
        }
    }

    // MARK: Commit

    /// Moves a load's files into the store and lists its images, all in one step. What another load brought meanwhile is
    /// used instead.
    func commit(_ commits: [ImageCommit], from session: LoadSession) throws(SwiftletError) -> [LoadedImage] {
        // One flush for all files: thousands of fsyncs would take longer than the load.
        try session.blobs.descriptor.syncFileSystem()
        return try locked { state throws(SwiftletError) in
            var catalog = state.catalog
            var present: Set<Digest> = []
            var platforms = state.images.mapValues(\.config.platform)
            for commit in commits { platforms[commit.image.configDigest] = commit.image.config.platform }
            for commit in commits {
                if catalog.images[commit.image.configDigest] != nil { present.insert(commit.image.configDigest) }
                let keys = try moveLayers(commit, session, &catalog)
                try moveBlobs(commit, session)
                record(commit.image, keys, platforms, &catalog)
            }
            for directory in [directories.layers] + directories.blobs.values { try directory.descriptor.sync() }
            var images: [Digest: Image] = [:]
            for record in catalog.images.values {
                // Only what changed is read again.
                if let old = state.images[record.id], state.catalog.images[record.id] == record {
                    images[record.id] = old
                } else {
                    images[record.id] = try Self.image(record, catalog, directories)
                }
            }
            try write(catalog)
            (state.catalog, state.images) = (catalog, images)
            return commits.compactMap { commit in
                images[commit.image.configDigest].map {
                    LoadedImage(image: $0, alreadyPresent: present.contains($0.id))
                }
            }
        }
    }

    private func moveLayers(
        _ commit: ImageCommit, _ session: LoadSession, _ catalog: inout Catalog
    ) throws(SwiftletError) -> [String] {
        for layer in commit.layers {
            guard let unpacked = layer.unpacked else { continue }
            if let existing = catalog.layers[layer.key], existing.form == layer.record.form { continue }
            var record = layer.record
            record.name = String(catalog.nextLayer)
            catalog.nextLayer += 1
            try session.layers.rename(unpacked.name, to: FileName(record.name), in: directories.layers)
            catalog.layers[layer.key] = record
        }
        return commit.layers.map(\.key)
    }

    private func moveBlobs(_ commit: ImageCommit, _ session: LoadSession) throws(SwiftletError) {
        for (digest, name) in commit.blobFiles {
            let directory = try directories.blobDirectory(digest)
            let target = FileName(digest.hex)
            // An earlier image of this archive may have moved it already.
            guard try directory.status(target) == nil else { continue }
            try session.blobs.rename(name, to: target, in: directory)
        }
    }

    private func record(
        _ image: SelectedImage, _ keys: [String], _ platforms: [Digest: Platform], _ catalog: inout Catalog
    ) {
        let names = image.names.map(\.canonical)
        catalog.take(names, from: platforms, but: image.configDigest)
        let old = catalog.images[image.configDigest]
        // A manifest of the image's own is worth more than one made here; else the first stays.
        let keepsManifest = old.map { !$0.synthesised || image.synthesised != nil } ?? false
        catalog.images[image.configDigest] = ImageRecord(
            id: image.configDigest,
            manifest: keepsManifest ? old?.manifest ?? image.manifestDigest : image.manifestDigest,
            synthesised: keepsManifest ? old?.synthesised ?? false : image.synthesised != nil,
            names: (old?.names ?? []) + names.filter { !(old?.names.contains($0) ?? false) }, layerKeys: keys,
            loadedAt: old?.loadedAt ?? wallClockNanoseconds(), isPinned: old?.isPinned ?? false)
    }

    // MARK: Garbage

    /// Removes blobs and layers that no image, snapshot, reader, load or preparation under way refers to.
    @discardableResult
    public func collectGarbage() throws(SwiftletError) -> (layers: Int, blobs: Int) {
        let trash = temporaryName("trash")
        let removed = try locked { state throws(SwiftletError) -> [Int] in
            let layers = try self.unusedLayers(&state)
            let blobs = try unusedBlobs(state)
            guard layers.count + blobs.count > 0 else { return [0, 0] }
            try directories.temporary.makeDirectory(trash)
            let bin = try directories.temporary.openDirectory(trash)
            for name in layers { try directories.layers.rename(name, to: name, in: bin) }
            for (directory, name) in blobs { try directory.rename(name, to: name, in: bin) }
            return [layers.count, blobs.count]
        }
        try directories.temporary.removeTree(trash)
        return (removed[0], removed[1])
    }

    /// Takes unused layers off the index and returns all directories that it does not name.
    private func unusedLayers(_ state: inout StoreState) throws(SwiftletError) -> [FileName] {
        var used = Set(state.catalog.images.values.flatMap(\.layerKeys))
        for snapshot in state.snapshots.values { used.formUnion(snapshot.layerKeys) }
        used.formUnion(state.layerLeases.keys)
        var catalog = state.catalog
        for key in catalog.layers.keys where !used.contains(key) { catalog.layers[key] = nil }
        if catalog.layers.count != state.catalog.layers.count {
            try write(catalog)
            state.catalog = catalog
        }
        var kept = Set(catalog.layers.values.map { FileName($0.name) })
        // A snapshot uses the directories it was made of, even if the layer was unpacked anew since.
        for snapshot in state.snapshots.values { kept.formUnion(snapshot.layerNames.map { FileName($0) }) }
        kept.formUnion(state.directoryLeases.keys.map { FileName($0) })
        kept.insert(StoreDirectories.emptyLayer)
        return try directories.layers.names().filter { !kept.contains($0) }
    }

    private func unusedBlobs(_ state: StoreState) throws(SwiftletError) -> [(Directory, FileName)] {
        var used = Set(state.blobLeases.keys)
        for image in state.images.values {
            used.formUnion([image.id, image.manifestDigest])
            used.formUnion(image.layers.map(\.digest))
        }
        var unused: [(Directory, FileName)] = []
        for (algorithm, directory) in directories.blobs {
            for name in try directory.names() {
                let digest = Digest(algorithm: algorithm, hex: name.text)
                if digest.map({ !used.contains($0) }) ?? true { unused.append((directory, name)) }
            }
        }
        return unused
    }
}
