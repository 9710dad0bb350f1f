import Errors
import LinuxSystem
import Logging
import OCI
import Synchronization

/// Images and containers' root filesystems on disk. Every call may block on the disk. Thread-safe: queries and loads run
/// beside each other; what changes the index is done in one short step under a lock.
public final class ImageStore: Sendable {
    let directories: StoreDirectories
    let limits: ImageLimits
    let logger: Logger
    /// How root filesystems are made, found out by trying.
    public let snapshotter: SnapshotterReport
    let state: Mutex<StoreState>
    let usages = SnapshotUsages()
    private let temporaryCounter = Atomic<Int>(0)

    /// `directory` is made when missing, locked against other processes, and rid of what a crash left. Errors:
    /// `failedPrecondition` when another process has it or the demanded snapshotter does not work, `dataLoss` when its
    /// index cannot be read.
    public init(
        directory: String, limits: ImageLimits = ImageLimits(), snapshotter: SnapshotterReport.Choice = .auto,
        logger: Logger
    ) throws(SwiftletError) {
        do throws(SwiftletError) {
            directories = try StoreDirectories(try absolutePath(directory))
            self.snapshotter = try SnapshotterReport(probing: directories, snapshotter)
            state = Mutex(try Self.open(directories, logger))
        } catch {
            throw error.during("open image store", printable(directory))
        }
        self.limits = limits
        self.logger = logger
        let garbage = try collectGarbage()
        if garbage.layers + garbage.blobs > 0 {
            logger.info("removed \(garbage.layers) layers and \(garbage.blobs) blobs that no image refers to")
        }
    }

    var whiteoutForm: WhiteoutForm { snapshotter.form }

    func temporaryName(_ purpose: String) -> FileName {
        FileName("\(purpose)-\(temporaryCounter.add(1, ordering: .relaxed).newValue)")
    }

    // MARK: Loading

    /// Loads every image of an archive (a tar, plain or compressed, in OCI layout or as `docker save` writes it) that fits
    /// the platform, reading it once from where the descriptor is; a pipe is fine, and so is the folder of an OCI layout. All or nothing: after an error, a
    /// cancellation or a crash no image is listed and no file is left.
    ///
    /// Blocks until done, seconds for a large image: call it on a thread of its own. `progress` is called on that thread.
    public func load(
        from descriptor: borrowing OwnedDescriptor, options: LoadOptions = LoadOptions(),
        cancellation: LoadCancellation = LoadCancellation(),
        progress: @escaping (LoadProgress) -> Void = { _ in }
    ) throws(SwiftletError) -> [LoadedImage] {
        // Otherwise what this load has left over counts against the bound of the next.
        defer { returnFreeMemory() }
        do throws(SwiftletError) {
            let session = try LoadSession(self, cancellation: cancellation)
            let outcome = Result { () throws(SwiftletError) in
                if try LayoutFolder.isFolder(descriptor.raw) {
                    let reporter = LoadReporter(nil, session.unpacked, progress)
                    return try ImageLoader(session: session, options: options, progress: reporter)
                        .run(folder: descriptor.raw)
                }
                let source = try DescriptorSource(
                    descriptor.raw, cancellation: cancellation, tally: session.unpacked)
                let reporter = LoadReporter(source, session.unpacked, progress)
                return try ImageLoader(session: session, options: options, progress: reporter).run(archive: source)
            }
            switch outcome {
            case .success(let images):
                do throws(SwiftletError) { try session.end() } catch { logger.warning("load: \(error)") }
                return images
            case .failure(var failure):
                do throws(SwiftletError) { try session.end() } catch { failure.notes.append(error.message) }
                do throws(SwiftletError) { try collectGarbage() } catch { failure.notes.append(error.message) }
                throw failure
            }
        } catch {
            throw error.during("load image")
        }
    }

    // MARK: Queries

    /// Newest first.
    public func images() -> [Image] {
        state.withLock { Array($0.images.values) }
            .sorted { ($0.loadedAt, $1.id) > ($1.loadedAt, $0.id) }
    }

    /// The image of a name (of several platforms under it the one nearest to the host's), `name@digest`, ID, ID prefix of at least 4 digits, or manifest digest. Errors: `notFound`;
    /// `invalidArgument` for what is neither, or for a prefix of several.
    public func resolve(_ name: String) throws(SwiftletError) -> Image { try resolved(name).image }

    /// The image, and the name if it was asked for by one.
    func resolved(_ text: String) throws(SwiftletError) -> (image: Image, name: ImageReference?) {
        try Self.resolved(text, in: state.withLock { $0.images })
    }

    static func resolved(
        _ text: String, in images: [Digest: Image]
    ) throws(SwiftletError) -> (image: Image, name: ImageReference?) {
        if let digest = try? Digest(parsing: text) {
            if let image = images[digest] ?? images.values.first(where: { $0.manifestDigest == digest }) {
                return (image, nil)
            }
            throw notFound(text)
        }
        let reference = Result { () throws(SwiftletError) in try ImageReference(parsing: text) }
        if case .success(let reference) = reference, let found = find(reference, in: images) { return found }
        let hex = text.hasPrefix("sha256:") ? text.dropFirst(7) : Substring(text)
        if (4...64).contains(hex.utf8.count), hex.allSatisfy({ $0.isHexDigit && !$0.isUppercase }) {
            let matches = images.values.filter { $0.id.hex.hasPrefix(hex) }
            guard matches.count < 2 else {
                throw .invalid(
                    "is the start of \(matches.count) image IDs", object: "\"\(printable(text))\"",
                    hint: "give more digits")
            }
            if let image = matches.first { return (image, nil) }
        }
        _ = try reference.get()
        throw notFound(text)
    }

    private static func find(
        _ reference: ImageReference, in images: [Digest: Image]
    ) -> (image: Image, name: ImageReference?)? {
        if let digest = reference.digest {
            let image = images.values.first { image in
                (image.manifestDigest == digest || image.id == digest)
                    && image.names.contains { $0.repository == reference.repository }
            }
            return image.map { ($0, nil) }
        }
        let named = images.values.filter { $0.names.contains(reference) }.sorted { $0.id < $1.id }
        let best = Platform.host.bestMatch(among: named.map(\.config.platform)) ?? 0
        return named.isEmpty ? nil : (named[best], reference)
    }

    private static func notFound(_ text: String) -> SwiftletError {
        .notFound("image", text, hint: "load it with: swiftlet image load FILE (swiftlet image ls shows what is there)")
    }

    /// The config document's bytes, as they came.
    public func configDocument(of image: Image) throws(SwiftletError) -> [UInt8] {
        try readBlob(image.id, limit: limits.documentBytes)
    }

    /// The manifest's bytes.
    public func manifestDocument(of image: Image) throws(SwiftletError) -> [UInt8] {
        try readBlob(image.manifestDigest, limit: limits.documentBytes)
    }

    /// What images take: blobs by their size, unpacked layers by what is in them. Snapshots are not counted.
    public func usage() throws(SwiftletError) -> StoreUsage {
        var usage = StoreUsage(bytes: 0, inodes: 0)
        for directory in directories.blobs.values {
            for name in try directory.names() {
                guard let status = try directory.status(name) else { continue }
                usage.bytes += status.size
                usage.inodes += 1
            }
        }
        for layer in state.withLock({ Array($0.catalog.layers.values) }) {
            usage.bytes += layer.bytes
            usage.inodes += Int64(layer.entries)
        }
        return usage
    }

    // MARK: Blobs and layers

    func openBlob(_ digest: Digest) throws(SwiftletError) -> OwnedDescriptor {
        do throws(SwiftletError) { return try directories.blobDirectory(digest).openFile(FileName(digest.hex)) } catch {
            throw error.during("open blob", digest.description)
        }
    }

    func readBlob(_ digest: Digest, limit: Int) throws(SwiftletError) -> [UInt8] {
        try openBlob(digest).readAll(limit: limit, "blob \(digest)")
    }

    func layerDirectory(_ layer: LayerRecord) throws(SwiftletError) -> Directory {
        try directories.layers.openDirectory(FileName(layer.name))
    }
}
