/// A volume of a pod. Exactly one source is set; `Schema` knows the ones that are not listed here, which Swiftlet does
/// not mount.
public struct Volume: KubeCodable {
    public var name: String
    public var emptyDir: EmptyDirVolumeSource?
    public var hostPath: HostPathVolumeSource?
    public var configMap: ConfigMapVolumeSource?
    public var secret: SecretVolumeSource?
    public var downwardAPI: DownwardAPIVolumeSource?
    public var projected: ProjectedVolumeSource?
    public var persistentVolumeClaim: PersistentVolumeClaimVolumeSource?
    public var image: ImageVolumeSource?

    public init(name: String) { self.name = name }
}

public struct EmptyDirVolumeSource: KubeCodable {
    /// "" for the node's disk, `Memory`, `HugePages…`.
    public var medium: String?
    public var sizeLimit: Quantity?

    public init(medium: String? = nil, sizeLimit: Quantity? = nil) {
        self.medium = medium
        self.sizeLimit = sizeLimit
    }
}

public enum HostPathType: String, Codable, Sendable, CaseIterable {
    case unchecked = ""
    case directoryOrCreate = "DirectoryOrCreate"
    case directory = "Directory"
    case fileOrCreate = "FileOrCreate"
    case file = "File"
    case socket = "Socket"
    case charDevice = "CharDevice"
    case blockDevice = "BlockDevice"
}

public struct HostPathVolumeSource: KubeCodable {
    public var path: String
    public var type: HostPathType?

    public init(path: String, type: HostPathType? = nil) {
        self.path = path
        self.type = type
    }
}

/// `defaultMode` and `mode` hold permission bits.
public struct ConfigMapVolumeSource: KubeCodable {
    public var name: String?
    public var items: [KeyToPath] = []
    public var defaultMode: Int32?
    public var optional: Bool?
}

public struct SecretVolumeSource: KubeCodable {
    public var secretName: String?
    public var items: [KeyToPath] = []
    public var defaultMode: Int32?
    public var optional: Bool?
}

public struct KeyToPath: KubeCodable {
    public var key: String
    public var path: String
    public var mode: Int32?
}

public struct DownwardAPIVolumeSource: KubeCodable {
    public var items: [DownwardAPIVolumeFile] = []
    public var defaultMode: Int32?
}

public struct DownwardAPIVolumeFile: KubeCodable {
    public var path: String
    public var fieldRef: ObjectFieldSelector?
    public var resourceFieldRef: ResourceFieldSelector?
    public var mode: Int32?
}

public struct ProjectedVolumeSource: KubeCodable {
    public var sources: [VolumeProjection] = []
    public var defaultMode: Int32?
}

/// Exactly one member is set.
public struct VolumeProjection: KubeCodable {
    public var secret: NamedProjection?
    public var configMap: NamedProjection?
    public var downwardAPI: DownwardAPIVolumeSource?
    public var serviceAccountToken: ServiceAccountTokenProjection?
}

public struct NamedProjection: KubeCodable {
    public var name: String?
    public var items: [KeyToPath] = []
    public var optional: Bool?
}

public struct ServiceAccountTokenProjection: KubeCodable {
    public var audience: String?
    public var expirationSeconds: Int64?
    public var path: String
}

public struct PersistentVolumeClaimVolumeSource: KubeCodable {
    public var claimName: String
    public var readOnly: Bool?
}

public struct ImageVolumeSource: KubeCodable {
    public var reference: String?
    public var pullPolicy: PullPolicy?
}
