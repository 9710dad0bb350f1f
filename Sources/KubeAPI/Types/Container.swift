public enum PullPolicy: String, Codable, Sendable {
    case always = "Always", never = "Never", ifNotPresent = "IfNotPresent"
}

public enum TerminationMessagePolicy: String, Codable, Sendable {
    case file = "File"
    case fallbackToLogsOnError = "FallbackToLogsOnError"
}

/// An app, init or ephemeral container of a pod.
public struct Container: KubeCodable {
    public var name: String
    public var image: String?
    public var command: [String] = []
    public var args: [String] = []
    public var workingDir: String?
    public var ports: [ContainerPort] = []
    public var envFrom: [EnvFromSource] = []
    public var env: [EnvVar] = []
    public var resources: ResourceRequirements?
    public var resizePolicy: [ContainerResizePolicy] = []
    /// On an init container `Always` makes a sidecar; elsewhere it wins over the pod's.
    public var restartPolicy: RestartPolicy?
    public var restartPolicyRules: [ContainerRestartRule] = []
    public var volumeMounts: [VolumeMount] = []
    public var volumeDevices: [VolumeDevice] = []
    public var livenessProbe: Probe?
    public var readinessProbe: Probe?
    public var startupProbe: Probe?
    public var lifecycle: Lifecycle?
    public var terminationMessagePath: String?
    public var terminationMessagePolicy: TerminationMessagePolicy?
    public var imagePullPolicy: PullPolicy?
    public var securityContext: SecurityContext?
    public var stdin: Bool?
    public var stdinOnce: Bool?
    public var tty: Bool?
    /// Ephemeral containers only.
    public var targetContainerName: String?

    public init(name: String, image: String? = nil) {
        self.name = name
        self.image = image
    }

    /// An init container that keeps running beside the app containers.
    public var isSidecar: Bool { restartPolicy == .always }
}

public struct ContainerPort: KubeCodable {
    public enum TransportProtocol: String, Codable, Sendable { case tcp = "TCP", udp = "UDP", sctp = "SCTP" }

    public var name: String?
    public var hostPort: Int32?
    public var containerPort: Int32
    public var `protocol`: TransportProtocol?
    public var hostIP: String?

    public init(containerPort: Int32) { self.containerPort = containerPort }
}

public struct EnvVar: KubeCodable {
    public var name: String
    public var value: String?
    public var valueFrom: EnvVarSource?

    public init(name: String, value: String? = nil) {
        self.name = name
        self.value = value
    }
}

/// Exactly one member is set.
public struct EnvVarSource: KubeCodable {
    public var fieldRef: ObjectFieldSelector?
    public var resourceFieldRef: ResourceFieldSelector?
    public var configMapKeyRef: KeySelector?
    public var secretKeyRef: KeySelector?
}

public struct ObjectFieldSelector: KubeCodable {
    public var apiVersion: String?
    public var fieldPath: String
}

public struct ResourceFieldSelector: KubeCodable {
    public var containerName: String?
    public var resource: String
    public var divisor: Quantity?
}

/// A key of a ConfigMap or Secret.
public struct KeySelector: KubeCodable {
    public var name: String?
    public var key: String
    public var optional: Bool?
}

public struct EnvFromSource: KubeCodable {
    public var prefix: String?
    public var configMapRef: EnvSourceReference?
    public var secretRef: EnvSourceReference?
}

public struct EnvSourceReference: KubeCodable {
    public var name: String?
    public var optional: Bool?
}

public struct ResourceRequirements: KubeCodable {
    public var limits: [String: Quantity] = [:]
    public var requests: [String: Quantity] = [:]

    public init(limits: [String: Quantity] = [:], requests: [String: Quantity] = [:]) {
        self.limits = limits
        self.requests = requests
    }
}

public struct ContainerResizePolicy: KubeCodable {
    public var resourceName: String
    public var restartPolicy: String
}

public enum MountPropagation: String, Codable, Sendable {
    case none = "None"
    case hostToContainer = "HostToContainer"
    case bidirectional = "Bidirectional"
}

public struct VolumeMount: KubeCodable {
    public var name: String
    public var mountPath: String
    public var readOnly: Bool?
    public var recursiveReadOnly: String?
    public var subPath: String?
    public var subPathExpr: String?
    public var mountPropagation: MountPropagation?

    public init(name: String, mountPath: String) {
        self.name = name
        self.mountPath = mountPath
    }
}

public struct VolumeDevice: KubeCodable {
    public var name: String
    public var devicePath: String
}

public struct SecurityContext: KubeCodable {
    public var capabilities: Capabilities?
    public var privileged: Bool?
    public var runAsUser: Int64?
    public var runAsGroup: Int64?
    public var runAsNonRoot: Bool?
    public var readOnlyRootFilesystem: Bool?
    public var allowPrivilegeEscalation: Bool?
    public var procMount: String?
    public var seccompProfile: SeccompProfile?
    public var appArmorProfile: AppArmorProfile?
    public var seLinuxOptions: SELinuxOptions?

    public init() {}
}

/// Names without `CAP_`, or `ALL`.
public struct Capabilities: KubeCodable {
    public var add: [String] = []
    public var drop: [String] = []

    public init(add: [String] = [], drop: [String] = []) {
        self.add = add
        self.drop = drop
    }
}
