/// What an archive may ask for before it is refused. Archives are hostile until they are stored.
public struct ImageLimits: Sendable {
    /// Bytes of the archive after decompression.
    public var archiveBytes: Int64 = 256 << 30
    /// Entries of the archive itself.
    public var archiveEntries = 65_536
    /// Bytes of one JSON document: index, manifest, config.
    public var documentBytes = 8 << 20
    /// Bytes of one layer after decompression.
    public var layerBytes: Int64 = 128 << 30
    /// Bytes of a layer after decompression for each byte before, once past the first 64 MiB.
    public var compressionRatio: Int64 = 1100
    /// Entries of one layer.
    public var layerEntries = 4_000_000
    /// Bytes of one extended header (PAX records, GNU long name).
    public var headerBytes = 1 << 20
    /// Bytes of a path in a layer: the kernel's own PATH_MAX.
    public var pathBytes = 4095
    /// Directories above a file.
    public var pathDepth = 256

    public init() {}
}
