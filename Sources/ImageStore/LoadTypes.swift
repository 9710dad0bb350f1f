import OCI

/// What to take of an archive, and under which name.
public struct LoadOptions: Sendable {
    public enum PlatformChoice: Sendable {
        /// The best from an index; an image of a platform that does not run on it is refused.
        case best(Platform)
        case all
    }

    public var platform: PlatformChoice
    /// Instead of the names the archive gives: only for an archive of one image.
    public var name: String?

    public init(platform: PlatformChoice = .best(.host), name: String? = nil) {
        self.platform = platform
        self.name = name
    }
}

/// How far a load is.
public struct LoadProgress: Sendable, Equatable {
    public enum Phase: String, Sendable { case reading, unpacking, committing }

    public var phase: Phase
    /// Bytes of the archive file.
    public var bytesRead: Int64
    /// nil when it comes from a pipe.
    public var bytesTotal: Int64?
    /// Bytes of layers after decompression.
    public var bytesUnpacked: Int64
    public var layersDone: Int
    /// nil until the archive was read.
    public var layersTotal: Int?
}

public struct LoadedImage: Sendable {
    public let image: Image
    /// The image was there before; at most its names changed.
    public let alreadyPresent: Bool
}
