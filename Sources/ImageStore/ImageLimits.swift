import Errors

/// What an archive may ask for before it is refused, and what is refused whatever it asks. Archives are hostile until
/// they are stored.
public struct ImageLimits: Sendable, Equatable {
    /// Bytes of the archive after decompression.
    public var archiveBytes: Int64 = 256 << 30
    /// Entries of the archive itself.
    public var archiveEntries = 65_536
    /// Bytes of one JSON document: index, manifest, config.
    public var documentBytes = 8 << 20
    /// Bytes of one layer after decompression, and of its files as they read, holes included.
    public var layerBytes: Int64 = 128 << 30
    /// Entries of one layer.
    public var layerEntries = 4_000_000
    /// Bytes of memory for the names of directories that layers put something in but do not describe: they are kept until
    /// the end of a load, about 128 bytes each.
    public var implicitBytes = 96 << 20
    /// Bytes of an archive or layer after decompression for each byte before, once past `ratioGrace`. Files of zeros reach
    /// 1,032 with gzip.
    public var compressionRatio: Int64 = 1100
    /// Bytes that may come of anything, whatever its ratio.
    public var ratioGrace: Int64 = 64 << 20
    /// Bytes of what came before that zstd and xz may look back at: they keep as much in memory.
    public var windowBytes = 128 << 20
    /// Bytes of one extended header (PAX records, GNU long name).
    public var headerBytes = 1 << 20
    /// Stretches of data of a sparse file.
    public var sparseSegments = 1 << 20
    /// Bytes of a path in a layer: the kernel's own PATH_MAX.
    public var pathBytes = 4095
    /// Directories above a file, each a descriptor while it is written.
    public var pathDepth = 256
    /// Extended attributes of one file.
    public var attributeCount = 256
    /// Bytes of one file's extended attributes, names and values.
    public var attributeBytes = 256 << 10
    /// Kinds of files no layer may hold.
    public var denied: ImageDenials = []

    /// Values of one JSON document. Those of real ones are some thousands.
    static let documentValues = 1 << 18

    public init() {}
}

/// Kinds of files that a policy refuses in layers.
public struct ImageDenials: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Files that run as their owner or group: set-user-ID and set-group-ID.
    public static let setuid = ImageDenials(rawValue: 1)
    /// Files that run with capabilities of their own.
    public static let capabilities = ImageDenials(rawValue: 2)
    /// Character and block devices.
    public static let devices = ImageDenials(rawValue: 4)
}

extension ImageDenials {
    /// Errors: `permissionDenied`, saying which flag refuses the entry.
    func check(_ entry: TarEntry) throws(SwiftletError) {
        switch entry.kind {
        case .file:
            if contains(.setuid), entry.mode & 0o6000 != 0 {
                throw Self.refusal("is a set-user-ID or set-group-ID file", "setuid")
            }
            if contains(.capabilities),
                entry.extendedAttributes.contains(where: { $0.name == EntryAttributes.capability })
            {
                throw Self.refusal("is a file with capabilities", "capabilities")
            }
        case .characterDevice, .blockDevice:
            if contains(.devices) { throw Self.refusal("is a device", "devices") }
        case .directory, .symbolicLink, .hardLink, .fifo: return
        }
    }

    private static func refusal(_ what: String, _ name: String) -> SwiftletError {
        SwiftletError(
            .permissionDenied, "\(what), which this daemon refuses", hint: "swiftletd runs with --image-deny \(name)")
    }
}
