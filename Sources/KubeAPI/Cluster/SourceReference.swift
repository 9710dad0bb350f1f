/// An object that pods take settings or storage from.
public struct SourceReference: Sendable, Hashable {
    public enum Kind: String, Sendable, CaseIterable {
        case configMap = "ConfigMap"
        case secret = "Secret"
        case claim = "PersistentVolumeClaim"
    }

    public var kind: Kind
    public var namespace: String
    public var name: String

    public init(_ kind: Kind, namespace: String, name: String) {
        self.kind = kind
        self.namespace = namespace
        self.name = name
    }
}

public enum SourceChange: Sendable, Equatable {
    /// Any of them may have changed. First in every stream, and again after the reader lagged too far behind.
    case all
    /// Made, changed or removed.
    case one(SourceReference)
}

/// A file that a volume shows: a key of a ConfigMap or Secret, or a field of the pod.
public struct VolumeFile: Sendable, Equatable {
    /// Relative to the volume.
    public var path: String
    public var bytes: [UInt8]
    /// Permission bits.
    public var mode: UInt32

    public init(path: String, bytes: [UInt8], mode: UInt32) {
        self.path = path
        self.bytes = bytes
        self.mode = mode
    }
}

extension Volume {
    /// Kubernetes mounts what it writes itself for reading only.
    public var isAlwaysReadOnly: Bool {
        configMap != nil || secret != nil || downwardAPI != nil || projected != nil || image != nil
            || persistentVolumeClaim?.readOnly == true
    }
}

extension Pod {
    /// All objects that its spec names, optional ones as well.
    public var sources: Set<SourceReference> {
        var sources: Set<SourceReference> = []
        let namespace = reference.namespace
        func add(_ kind: SourceReference.Kind, _ name: String?) {
            guard let name, !name.isEmpty else { return }
            sources.insert(SourceReference(kind, namespace: namespace, name: name))
        }
        for container in spec.initContainers + spec.containers {
            for source in container.envFrom {
                add(.configMap, source.configMapRef?.name)
                add(.secret, source.secretRef?.name)
            }
            for variable in container.env {
                add(.configMap, variable.valueFrom?.configMapKeyRef?.name)
                add(.secret, variable.valueFrom?.secretKeyRef?.name)
            }
        }
        for volume in spec.volumes {
            add(.configMap, volume.configMap?.name)
            add(.secret, volume.secret?.secretName)
            add(.claim, volume.persistentVolumeClaim?.claimName)
            for projection in volume.projected?.sources ?? [] {
                add(.configMap, projection.configMap?.name)
                add(.secret, projection.secret?.name)
            }
        }
        return sources
    }
}
