import Errors
import JSON

/// An image index or Docker manifest list (image-spec, image-index.md).
public struct ImageIndex: Sendable {
    public var mediaType: String
    public var manifests: [Descriptor]
    public var annotations: [String: String]

    /// `document` names it in errors: `index.json`, `index sha256:…`.
    public init(_ value: JSONValue, document: String) throws(SwiftletError) {
        let reader = try DocumentReader(value, document: document)
        try checkSchemaVersion(reader)
        mediaType = try reader.optionalString("mediaType") ?? MediaType.ociIndex
        guard let entries = try reader.objects("manifests", limit: 1024) else {
            throw reader.fault("manifests", "is missing")
        }
        manifests = try entries.map { reader throws(SwiftletError) in try Descriptor(reader) }
        annotations = try reader.stringMap("annotations")
    }
}

/// An image manifest (image-spec, manifest.md), OCI's or Docker's schema 2.
public struct ImageManifest: Sendable {
    public var mediaType: String
    public var config: Descriptor
    /// Base first.
    public var layers: [Descriptor]
    public var artifactType: String?
    public var annotations: [String: String]

    /// overlay takes at most 500 lower directories; images are made with at most 127 layers.
    public static let layerLimit = 500

    public init(config: Descriptor, layers: [Descriptor]) {
        mediaType = MediaType.ociManifest
        self.config = config
        self.layers = layers
        artifactType = nil
        annotations = [:]
    }

    public init(_ value: JSONValue, document: String) throws(SwiftletError) {
        let reader = try DocumentReader(value, document: document)
        try checkSchemaVersion(reader)
        mediaType = try reader.optionalString("mediaType") ?? MediaType.ociManifest
        guard let config = try reader.object("config") else { throw reader.fault("config", "is missing") }
        self.config = try Descriptor(config)
        guard let entries = try reader.objects("layers", limit: Self.layerLimit) else {
            throw reader.fault("layers", "is missing")
        }
        layers = try entries.map { reader throws(SwiftletError) in try Descriptor(reader) }
        artifactType = try reader.optionalString("artifactType")
        annotations = try reader.stringMap("annotations")
    }

    public var json: JSONValue {
        [
            "schemaVersion": 2, "mediaType": .string(mediaType), "config": config.json,
            "layers": .array(layers.map(\.json)),
        ]
    }
}

/// What a JSON blob that a descriptor points at is, told by its members: media types are not to be trusted.
public enum ImageDocument: Sendable {
    case index(ImageIndex)
    case manifest(ImageManifest)

    public init(_ value: JSONValue, document: String) throws(SwiftletError) {
        guard value.object != nil else {
            throw DocumentReader.fault(document, "", "must be an object, is \(value.kind)")
        }
        switch (value["manifests"], value["layers"]) {
        case (.some, .none): self = .index(try ImageIndex(value, document: document))
        case (.none, .some): self = .manifest(try ImageManifest(value, document: document))
        case (.some, .some):
            throw DocumentReader.fault(document, "", "has both manifests and layers: neither an index nor a manifest")
        case (.none, .none):
            throw DocumentReader.fault(
                document, "", "has neither manifests nor layers: not an index or a manifest of schema 2")
        }
    }
}

private func checkSchemaVersion(_ reader: DocumentReader) throws(SwiftletError) {
    guard let version = try reader.optionalInt("schemaVersion") else { return }
    guard version == 2 else { throw reader.fault("schemaVersion", "is \(version); only 2 is known") }
}

/// One image of a `docker save` archive's `manifest.json`.
public struct DockerArchiveEntry: Sendable {
    /// Path in the archive of the config document.
    public var config: String
    /// Familiar names; may be empty.
    public var repoTags: [String]
    /// Paths in the archive, base first.
    public var layers: [String]

    public static func decode(
        _ value: JSONValue, document: String = "manifest.json"
    ) throws(SwiftletError) -> [DockerArchiveEntry] {
        guard let elements = value.array else {
            throw DocumentReader.fault(document, "", "must be an array, is \(value.kind)")
        }
        guard elements.count <= 1024 else {
            throw DocumentReader.fault(document, "", "has \(elements.count) images; at most 1024")
        }
        var entries: [DockerArchiveEntry] = []
        for (index, element) in elements.enumerated() {
            let reader = try DocumentReader(element, document: document, path: "[\(index)]")
            entries.append(
                DockerArchiveEntry(
                    config: try reader.string("Config"), repoTags: try reader.strings("RepoTags") ?? [],
                    layers: try reader.strings("Layers", limit: ImageManifest.layerLimit) ?? []))
        }
        return entries
    }
}
