import JSON
import OCI

/// Builds image archives in memory.
struct ArchiveBuilder {
    enum Packing: CaseIterable {
        case plain, gzip, zstd, xz, bzip2

        init(_ packer: Packer) {
            self =
                switch packer {
                case .gzip: .gzip
                case .zstd: .zstd
                case .xz: .xz
                case .bzip2: .bzip2
                }
        }
    }

    /// A layer's entries, base first.
    var layers: [[TarWriter.Entry]]
    var name: String? = "test/app:1"
    var packing = Packing.gzip
    var platform: Platform = .host
    var command = ["sh"]
    /// Of blobs' names, and of layers' plain bytes.
    var algorithm = Digest.Algorithm.sha256
    var diffAlgorithm = Digest.Algorithm.sha256
    /// Instead of one that tells the truth.
    var lyingConfig: [UInt8]?

    var tars: [[UInt8]] { layers.map { TarWriter.archive($0) } }

    func blob(_ tar: [UInt8]) -> [UInt8] {
        switch packing {
        case .plain: tar
        case .gzip: ImageStoreTests.gzip(tar)
        case .zstd: ImageStoreTests.zstd(tar)
        case .xz: ImageStoreTests.xz(tar)
        case .bzip2: ImageStoreTests.bzip2(tar)
        }
    }

    func config() throws -> [UInt8] {
        if let lyingConfig { return lyingConfig }
        let diffIDs = try tars.map { JSONValue.string(try Digest.of($0, diffAlgorithm).description) }
        let value: JSONValue = [
            "architecture": .string(platform.architecture), "os": .string(platform.os),
            "variant": .string(platform.variant), "config": ["Cmd": .array(command.map { .string($0) })],
            "rootfs": ["type": "layers", "diff_ids": .array(diffIDs)],
        ]
        return value.serialized()
    }

    func manifest() throws -> [UInt8] {
        let config = try config()
        let layers = try tars.map { tar in
            let blob = blob(tar)
            return Descriptor(
                mediaType: MediaType.ociLayerGzip, digest: try Digest.of(blob, algorithm), size: Int64(blob.count))
        }
        let descriptor = Descriptor(
            mediaType: MediaType.ociConfig, digest: try Digest.of(config, algorithm), size: Int64(config.count))
        return ImageManifest(config: descriptor, layers: layers).json.serialized()
    }

    /// Blobs by content: layers, config, manifest.
    func blobs() throws -> [[UInt8]] { tars.map(blob) + [try config(), try manifest()] }

    static func blobEntry(_ bytes: [UInt8]) throws -> TarWriter.Entry { try blobEntry(bytes, .sha256) }

    static func blobEntry(_ bytes: [UInt8], _ algorithm: Digest.Algorithm) throws -> TarWriter.Entry {
        let name = "blobs/\(algorithm.rawValue)/\(try Digest.of(bytes, algorithm).hex)"
        // Longer than a header's name.
        return TarWriter.Entry(name: name, data: bytes, pax: name.utf8.count > 99 ? [("path", Array(name.utf8))] : [])
    }

    static func descriptor(
        _ bytes: [UInt8], name: String?, platform: Platform? = nil, algorithm: Digest.Algorithm = .sha256
    ) throws -> JSONValue {
        var value: JSONValue = [
            "mediaType": .string(MediaType.ociManifest), "digest": .string(try Digest.of(bytes, algorithm).description),
            "size": .int(Int64(bytes.count)),
        ]
        if let name { value["annotations"] = ["org.opencontainers.image.ref.name": .string(name)] }
        if let platform {
            value["platform"] = ["os": .string(platform.os), "architecture": .string(platform.architecture)]
        }
        return value
    }

    static func index(_ descriptors: [JSONValue]) -> [UInt8] {
        let value: JSONValue = ["schemaVersion": 2, "manifests": .array(descriptors)]
        return value.serialized()
    }

    static let marker = TarWriter.Entry.file("oci-layout", #"{"imageLayoutVersion":"1.0.0"}"#)

    func ociEntries() throws -> [TarWriter.Entry] {
        let index = Self.index([try Self.descriptor(manifest(), name: name, algorithm: algorithm)])
        return try [Self.marker] + blobs().map { try Self.blobEntry($0, algorithm) } + [
            TarWriter.Entry(name: "index.json", data: index)
        ]
    }

    func oci() throws -> [UInt8] { TarWriter.archive(try ociEntries()) }

    /// The old form: a folder a layer.
    func docker() throws -> [UInt8] {
        let config = try config()
        let configName = "\(try Digest.of(config).hex).json"
        var entries: [TarWriter.Entry] = [TarWriter.Entry(name: configName, data: config)]
        var paths: [JSONValue] = []
        for (index, tar) in tars.enumerated() {
            entries.append(.directory("layer\(index)/"))
            entries.append(.file("layer\(index)/VERSION", "1.0"))
            entries.append(TarWriter.Entry(name: "layer\(index)/layer.tar", data: blob(tar)))
            paths.append(.string("layer\(index)/layer.tar"))
        }
        let tags: JSONValue = name.map { .array([.string($0)]) } ?? .null
        let manifest: JSONValue = [["Config": .string(configName), "RepoTags": tags, "Layers": .array(paths)]]
        entries.append(TarWriter.Entry(name: "manifest.json", data: manifest.serialized()))
        return TarWriter.archive(entries)
    }
}
