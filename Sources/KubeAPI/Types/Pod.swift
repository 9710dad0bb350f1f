public struct Pod: KubeObject {
    public static let apiVersion = "v1"
    public static let kind = "Pod"

    public var apiVersion: String? = Pod.apiVersion
    public var kind: String? = Pod.kind
    public var metadata: ObjectMeta
    public var spec: PodSpec
    public var status: PodStatus?

    public init(metadata: ObjectMeta, spec: PodSpec, status: PodStatus? = nil) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }
}

public enum RestartPolicy: String, Codable, Sendable {
    case always = "Always", onFailure = "OnFailure", never = "Never"
}

public enum DNSPolicy: String, Codable, Sendable {
    case clusterFirstWithHostNet = "ClusterFirstWithHostNet"
    case clusterFirst = "ClusterFirst"
    case `default` = "Default"
    case none = "None"
}

/// Defaults are those of the API server where a value has one (`PodDefaults` writes them into the object).
public struct PodSpec: KubeCodable {
    public var volumes: [Volume] = []
    public var initContainers: [Container] = []
    public var containers: [Container] = []
    public var ephemeralContainers: [Container] = []
    public var restartPolicy: RestartPolicy?
    public var terminationGracePeriodSeconds: Int64?
    public var activeDeadlineSeconds: Int64?
    public var dnsPolicy: DNSPolicy?
    public var nodeSelector: [String: String] = [:]
    public var serviceAccountName: String?
    public var automountServiceAccountToken: Bool?
    public var nodeName: String?
    public var hostNetwork: Bool?
    public var hostPID: Bool?
    public var hostIPC: Bool?
    public var hostUsers: Bool?
    public var shareProcessNamespace: Bool?
    public var securityContext: PodSecurityContext?
    public var imagePullSecrets: [LocalObjectReference] = []
    public var hostname: String?
    public var subdomain: String?
    public var setHostnameAsFQDN: Bool?
    public var hostnameOverride: String?
    public var affinity: Affinity?
    public var schedulerName: String?
    public var tolerations: [Toleration] = []
    public var hostAliases: [HostAlias] = []
    public var priorityClassName: String?
    public var priority: Int32?
    public var dnsConfig: PodDNSConfig?
    public var readinessGates: [PodReadinessGate] = []
    public var runtimeClassName: String?
    public var enableServiceLinks: Bool?
    public var preemptionPolicy: String?
    public var overhead: [String: Quantity] = [:]
    public var os: PodOS?
    public var schedulingGates: [PodSchedulingGate] = []
    public var resources: ResourceRequirements?

    public init(containers: [Container]) { self.containers = containers }

    public func gates(_ condition: String) -> Bool { readinessGates.contains { $0.conditionType == condition } }

    /// Seconds from the stop signal to SIGKILL; 30 when not said.
    public var gracePeriodSeconds: Int64 { terminationGracePeriodSeconds ?? 30 }
}

public struct PodOS: KubeCodable {
    public var name: String
}

public struct PodSchedulingGate: KubeCodable {
    public var name: String
}

public struct PodReadinessGate: KubeCodable {
    public var conditionType: String
}

public struct Toleration: KubeCodable {
    public var key: String?
    public var `operator`: String?
    public var value: String?
    public var effect: String?
    public var tolerationSeconds: Int64?

    public init() {}
}

public struct HostAlias: KubeCodable {
    public var ip: String
    public var hostnames: [String] = []

    public init(ip: String, hostnames: [String]) {
        self.ip = ip
        self.hostnames = hostnames
    }
}

public struct PodDNSConfig: KubeCodable {
    public var nameservers: [String] = []
    public var searches: [String] = []
    public var options: [PodDNSConfigOption] = []

    public init() {}
}

public struct PodDNSConfigOption: KubeCodable {
    public var name: String?
    public var value: String?
}

public struct PodSecurityContext: KubeCodable {
    public var runAsUser: Int64?
    public var runAsGroup: Int64?
    public var runAsNonRoot: Bool?
    public var supplementalGroups: [Int64] = []
    public var supplementalGroupsPolicy: String?
    public var fsGroup: Int64?
    public var fsGroupChangePolicy: String?
    public var sysctls: [Sysctl] = []
    public var seccompProfile: SeccompProfile?
    public var appArmorProfile: AppArmorProfile?
    public var seLinuxOptions: SELinuxOptions?

    public init() {}
}

public struct Sysctl: KubeCodable {
    public var name: String
    public var value: String
}

public enum ProfileType: String, Codable, Sendable {
    case unconfined = "Unconfined"
    case runtimeDefault = "RuntimeDefault"
    case localhost = "Localhost"
}

public struct SeccompProfile: KubeCodable {
    public var type: ProfileType
    public var localhostProfile: String?

    public init(type: ProfileType, localhostProfile: String? = nil) {
        self.type = type
        self.localhostProfile = localhostProfile
    }
}

public struct AppArmorProfile: KubeCodable {
    public var type: ProfileType
    public var localhostProfile: String?
}

public struct SELinuxOptions: KubeCodable {
    public var user: String?
    public var role: String?
    public var type: String?
    public var level: String?
}
