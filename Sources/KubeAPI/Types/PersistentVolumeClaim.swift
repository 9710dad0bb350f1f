/// A directory that outlives its pods (core/v1 PersistentVolumeClaim).
public struct PersistentVolumeClaim: KubeObject {
    public static let apiVersion = "v1"
    public static let kind = "PersistentVolumeClaim"

    /// The one storage class there is: a directory of this machine.
    public static let localClass = "local"
    /// Holds a claim that is deleted until no pod uses it and its directory is gone.
    public static let protection = "kubernetes.io/pvc-protection"

    public var apiVersion: String? = PersistentVolumeClaim.apiVersion
    public var kind: String? = PersistentVolumeClaim.kind
    public var metadata: ObjectMeta
    public var spec: PersistentVolumeClaimSpec
    public var status: PersistentVolumeClaimStatus?

    public var isBound: Bool { status?.phase == "Bound" }
}

public struct PersistentVolumeClaimSpec: KubeCodable {
    public var accessModes: [String] = []
    public var storageClassName: String?
    public var volumeMode: String?
    public var volumeName: String?
    public var resources: ResourceRequirements?
}

public struct PersistentVolumeClaimStatus: KubeCodable {
    /// `Pending`, `Bound` or `Lost`.
    public var phase: String?
    public var accessModes: [String] = []
    public var capacity: [String: Quantity] = [:]
}
