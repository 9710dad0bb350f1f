import OCI

/// An image of the store.
public struct Image: Sendable {
    /// Digest of the config document: the same whatever the compression of its layers.
    public let id: Digest
    public let manifestDigest: Digest
    /// The manifest was made here, because the archive (an old Docker one) had none.
    public let manifestIsSynthesised: Bool
    /// Each with a tag; empty for a dangling image.
    public internal(set) var names: [ImageReference]
    public let config: ImageConfig
    /// Base first.
    public let layers: [ImageLayer]
    /// Bytes of manifest, config and layers as they came (compressed).
    public let size: Int64
    /// Unix nanoseconds.
    public let loadedAt: Int64
    /// No collection and no pruning takes it.
    public internal(set) var isPinned = false
    /// Keys of its unpacked layers, base first.
    let layerKeys: [String]

    /// Canonical: `docker.io/library/debian:12`.
    public var repoTags: [String] { names.map(\.canonical) }

    /// `repository@digest of the manifest`; empty when the manifest is none that a registry would know.
    public var repoDigests: [String] {
        guard !manifestIsSynthesised else { return [] }
        var seen: Set<String> = []
        return names.map(\.repository).filter { seen.insert($0).inserted }.map { "\($0)@\(manifestDigest)" }
    }

    /// Bytes of all files of its layers.
    public var unpackedSize: Int64 { layers.reduce(0) { $0 + $1.unpackedSize } }
}

public struct ImageLayer: Sendable, Hashable {
    /// Of the blob, as compressed.
    public let digest: Digest
    /// Of the plain tar.
    public let diffID: Digest
    public let mediaType: String
    /// Bytes of the blob.
    public let size: Int64
    /// Bytes of the files in it.
    public let unpackedSize: Int64
}

/// Space taken on disk.
public struct StoreUsage: Sendable, Equatable {
    public var bytes: Int64
    public var inodes: Int64

    public init(bytes: Int64, inodes: Int64) {
        self.bytes = bytes
        self.inodes = inodes
    }
}

public struct RemovedImages: Sendable, Equatable {
    /// Canonical names that are gone.
    public var untagged: [String] = []
    /// IDs of the images that went with them.
    public var deleted: [Digest] = []

    public init(untagged: [String] = [], deleted: [Digest] = []) {
        self.untagged = untagged
        self.deleted = deleted
    }
}
