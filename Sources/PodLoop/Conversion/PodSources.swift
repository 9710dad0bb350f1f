import Errors
import KubeAPI

/// The ConfigMaps, Secrets and claims that a pod names, as they were when they were looked up. One that is not in here does
/// not exist.
struct PodSources: Sendable, Equatable {
    var configMaps: [String: ConfigMap] = [:]
    var secrets: [String: Secret] = [:]
    var claims: [String: PersistentVolumeClaim] = [:]

    init() {}

    init(of pod: Pod, in cluster: any ClusterAPI) async throws {
        for reference in pod.sources {
            guard let object = try await cluster.source(reference) else { continue }
            switch reference.kind {
            case .configMap: configMaps[reference.name] = try ConfigMap(object)
            case .secret: secrets[reference.name] = try Secret(object)
            case .claim: claims[reference.name] = try PersistentVolumeClaim(object)
            }
        }
    }
}

/// In the words of Kubernetes, which `describe` shows: `configmap "app" not found`.
func missing(_ kind: String, _ name: String?) -> SwiftletError {
    SwiftletError(.notFound, "\(kind) \"\(printable(name ?? ""))\" not found")
}
