import Errors
import JSON

/// A reference to a blob (image-spec, descriptor.md). Fields it does not name are ignored.
public struct Descriptor: Hashable, Sendable {
    public var mediaType: String
    public var digest: Digest
    /// Bytes.
    public var size: Int64
    public var platform: Platform?
    public var artifactType: String?
    public var annotations: [String: String]

    public init(
        mediaType: String, digest: Digest, size: Int64, platform: Platform? = nil, artifactType: String? = nil,
        annotations: [String: String] = [:]
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.platform = platform
        self.artifactType = artifactType
        self.annotations = annotations
    }

    init(_ reader: DocumentReader) throws(SwiftletError) {
        mediaType = try reader.optionalString("mediaType") ?? ""
        digest = try reader.digest("digest")
        size = try reader.size("size")
        platform = try reader.object("platform").map { reader throws(SwiftletError) in try Platform(reader) }
        artifactType = try reader.optionalString("artifactType")
        annotations = try reader.stringMap("annotations")
    }

    /// As a JSON object, members in no order of their own.
    public var json: JSONValue {
        ["mediaType": .string(mediaType), "digest": .string(digest.description), "size": .int(size)]
    }
}

extension Descriptor {
    /// Something beside the images of an index: a build's attestation or another artifact. Never a candidate to run.
    public var isArtifact: Bool {
        if annotations["vnd.docker.reference.type"] != nil { return true }
        if let platform, platform.os == "unknown" || platform.architecture == "unknown" { return true }
        guard let artifactType else { return false }
        return artifactType != MediaType.ociConfig && artifactType != MediaType.dockerConfig
    }
}

/// Media types of the OCI image spec and of Docker's equals.
public enum MediaType {
    public static let ociIndex = "application/vnd.oci.image.index.v1+json"
    public static let ociManifest = "application/vnd.oci.image.manifest.v1+json"
    public static let ociConfig = "application/vnd.oci.image.config.v1+json"
    public static let ociLayer = "application/vnd.oci.image.layer.v1.tar"
    public static let ociLayerGzip = ociLayer + "+gzip"
    public static let ociLayerZstd = ociLayer + "+zstd"
    public static let dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"
    public static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    public static let dockerConfig = "application/vnd.docker.container.image.v1+json"
    public static let dockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip"

    /// Whether a manifest's config of this type describes an image that runs; other types make it an artifact.
    public static func isImageConfig(_ type: String) -> Bool {
        type.isEmpty || type == ociConfig || type == dockerConfig
    }

    /// Whether a layer of this type is a tar we can apply; compression is told by the bytes, not by the type.
    public static func isLayer(_ type: String) -> Bool {
        type.isEmpty || type.hasPrefix(ociLayer) || type.hasPrefix("application/vnd.docker.image.rootfs.diff.tar")
            || isForeignLayer(type)
    }

    public static func isForeignLayer(_ type: String) -> Bool {
        type.hasPrefix("application/vnd.oci.image.layer.nondistributable.v1.tar")
            || type.hasPrefix("application/vnd.docker.image.rootfs.foreign.diff.tar")
    }
}
