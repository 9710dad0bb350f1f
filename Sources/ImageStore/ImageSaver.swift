import Errors
import JSON
import LinuxSystem
import OCI

/// How an archive is written out.
public struct SaveOptions: Sendable {
    public enum Format: String, Sendable, CaseIterable {
        /// An OCI layout (image-spec, image-layout.md).
        case oci
        /// The same with `manifest.json` beside it, as `docker save` has written it since Docker 25.
        case docker
    }

    public var format: Format
    public var platform: LoadOptions.PlatformChoice

    public init(format: Format = .oci, platform: LoadOptions.PlatformChoice = .best(.host)) {
        self.format = format
        self.platform = platform
    }
}

extension ImageStore {
    /// Writes images as one archive, each blob byte for byte as it came and verified on the way; the same images give the
    /// same bytes. A name brings that name along, an ID or digest all names of the image. Blocks until done. `progress` is
    /// called with the bytes written so far. Errors: `notFound`; `dataLoss` for a damaged blob: the archive is then of no use.
    public func save(
        _ names: [String], to descriptor: borrowing OwnedDescriptor, options: SaveOptions = SaveOptions(),
        cancellation: LoadCancellation = LoadCancellation(), progress: (Int64) -> Void = { _ in }
    ) throws(SwiftletError) {
        do throws(SwiftletError) {
            let images = try SavedImage.select(names, options.platform, in: state.withLock { $0.images })
            let blobs = images.flatMap(\.blobs)
            try withLeases(blobs) { () throws(SwiftletError) in
                var saver = ImageSaver(
                    store: self, writer: try ArchiveWriter(descriptor.raw, cancellation: cancellation))
                try saver.write(images, options.format, progress)
            }
        } catch {
            throw error.during("save", names.map { printable($0) }.joined(separator: ", "))
        }
    }

    /// Keeps blobs from being collected meanwhile.
    func withLeases(_ blobs: [Digest], _ body: () throws(SwiftletError) -> Void) throws(SwiftletError) {
        var leased: [Digest] = []
        defer { release(blobs: leased) }
        for digest in blobs {
            guard try leaseBlob(digest) != nil else { throw .notFound("blob", digest.description) }
            leased.append(digest)
        }
        try body()
    }
}

/// An image with the names it is written under.
private struct SavedImage {
    let image: Image
    var names: [ImageReference]

    var blobs: [Digest] { [image.manifestDigest, image.id] + image.layers.map(\.digest) }

    static func select(
        _ names: [String], _ platform: LoadOptions.PlatformChoice, in images: [Digest: Image]
    ) throws(SwiftletError) -> [SavedImage] {
        var found: [SavedImage] = []
        for text in names {
            let (image, name) = try ImageStore.resolved(text, in: images)
            var chosen = [image]
            if let name {
                let named = images.values.filter { $0.names.contains(name) }.sorted { $0.id < $1.id }
                switch platform {
                case .all: chosen = named
                case .best(let wanted):
                    guard let best = wanted.bestMatch(among: named.map(\.config.platform)) else {
                        let there = named.map(\.config.platform.description).joined(separator: ", ")
                        throw SwiftletError(
                            .notFound, "is here for \(printable(there)), not for \(wanted)",
                            object: "image \(printable(text))", hint: "choose with --platform, or --all-platforms")
                    }
                    chosen = [named[best]]
                }
            }
            for image in chosen { add(image, name.map { [$0] } ?? image.names, to: &found) }
        }
        return found
    }

    private static func add(_ image: Image, _ names: [ImageReference], to images: inout [SavedImage]) {
        if let at = images.firstIndex(where: { $0.image.id == image.id }) {
            images[at].names += names.filter { !images[at].names.contains($0) }
        } else {
            images.append(SavedImage(image: image, names: names))
        }
    }
}

/// Writes one archive. Documents that say what the rest is come first, so that a reader of a pipe need not wait for them.
private struct ImageSaver {
    let store: ImageStore
    var writer: ArchiveWriter
    private var written: Set<Digest> = []

    init(store: ImageStore, writer: ArchiveWriter) {
        self.store = store
        self.writer = writer
    }

    mutating func write(
        _ images: [SavedImage], _ format: SaveOptions.Format, _ progress: (Int64) -> Void
    ) throws(SwiftletError) {
        let (entries, indexes) = try index(images)
        try writer.add("oci-layout", JSONValue.object(["imageLayoutVersion": "1.0.0"]).serialized())
        try writer.add(
            "index.json",
            JSONValue.object([
                "schemaVersion": 2, "mediaType": .string(MediaType.ociIndex), "manifests": .array(entries),
            ]).serialized())
        if format == .docker { try writer.add("manifest.json", dockerManifest(images).serialized()) }
        for (digest, bytes) in indexes where written.insert(digest).inserted {
            try writer.add(Self.path(digest), bytes)
        }
        for image in images {
            for digest in image.blobs where written.insert(digest).inserted { try copy(digest, progress) }
        }
        try writer.finish()
        progress(writer.bytesWritten)
    }

    private static func path(_ digest: Digest) -> String { "blobs/\(digest.algorithm.rawValue)/\(digest.hex)" }

    private mutating func copy(_ digest: Digest, _ progress: (Int64) -> Void) throws(SwiftletError) {
        let file = try store.openBlob(digest)
        let source = try DescriptorSource(file.raw, cancellation: LoadCancellation())
        var hasher = try DigestHasher(digest.algorithm)
        try writer.add(Self.path(digest), size: source.size ?? 0, from: source) { bytes throws(SwiftletError) in
            try hasher.update(bytes)
        }
        guard try hasher.finish() == digest else {
            throw SwiftletError(
                .dataLoss, "is damaged in the store: its content has another digest", object: "blob \(digest)",
                hint: "remove the image and load it again; swiftlet image verify finds all that are")
        }
        progress(writer.bytesWritten)
    }

    /// The entries of index.json, and the indexes that join the platforms of one name.
    private func index(_ images: [SavedImage]) throws(SwiftletError) -> ([JSONValue], [(Digest, [UInt8])]) {
        var entries: [JSONValue] = []
        var indexes: [(Digest, [UInt8])] = []
        var joined: Set<ImageReference> = []
        for image in images {
            let own = try descriptor(image.image)
            if image.names.isEmpty { entries.append(own) }
            for name in image.names where joined.insert(name).inserted {
                let all = images.filter { $0.names.contains(name) }
                guard all.count > 1 else {
                    entries.append(Self.named(own, name))
                    continue
                }
                let manifests = try all.map { image throws(SwiftletError) in try descriptor(image.image) }
                let bytes = JSONValue.object([
                    "schemaVersion": 2, "mediaType": .string(MediaType.ociIndex), "manifests": .array(manifests),
                ]).serialized()
                let digest = try Digest.of(bytes)
                indexes.append((digest, bytes))
                entries.append(
                    Self.named(
                        Descriptor(mediaType: MediaType.ociIndex, digest: digest, size: Int64(bytes.count)).json, name))
            }
        }
        return (entries, indexes)
    }

    private func descriptor(_ image: Image) throws(SwiftletError) -> JSONValue {
        let bytes = try store.manifestDocument(of: image)
        let type = try JSONValue.parse(bytes)["mediaType"]?.string ?? MediaType.ociManifest
        var value = Descriptor(mediaType: type, digest: image.manifestDigest, size: Int64(bytes.count)).json
        let platform = image.config.platform
        var described: JSONValue = ["os": .string(platform.os), "architecture": .string(platform.architecture)]
        if !platform.variant.isEmpty { described["variant"] = .string(platform.variant) }
        value["platform"] = described
        return value
    }

    /// Both annotations that readers look at; whole names, so that no reader has to guess the registry.
    private static func named(_ descriptor: JSONValue, _ name: ImageReference) -> JSONValue {
        var descriptor = descriptor
        descriptor["annotations"] = [
            "io.containerd.image.name": .string(name.canonical),
            "org.opencontainers.image.ref.name": .string(name.canonical),
        ]
        return descriptor
    }

    private func dockerManifest(_ images: [SavedImage]) -> JSONValue {
        .array(
            images.map { image in
                [
                    "Config": .string(Self.path(image.image.id)),
                    "RepoTags": image.names.isEmpty ? .null : .array(image.names.map { .string($0.familiar) }),
                    "Layers": .array(image.image.layers.map { .string(Self.path($0.digest)) }),
                ]
            })
    }
}
