import KubeAPI

/// Pods of the manifests folder, and the objects in the API that show them.
struct StaticPods {
    var pods: [String: Pod] = [:]
    /// Names of pods whose manifest is gone, by uid, until they have ended.
    var ending: [String: String] = [:]
    /// The file each came from.
    var files: [String: String] = [:]
    var mirrors: [String: Pod] = [:]
    /// ConfigMaps, Secrets and claims beside the pods.
    var sources: [SourceReference: StaticSource] = [:]
    var isRepairing = false
    /// Something changed while the mirrors were being repaired.
    var mustRepair = false
    /// Problems that were told already.
    var reported: Set<String> = []

    /// With the status that its mirror kept over a restart.
    func withStatus(_ pod: Pod) -> Pod {
        var pod = pod
        if let uid = pod.metadata.uid, let status = mirrors[uid]?.status { pod.status = status }
        return pod
    }
}

extension Pod {
    var fullName: String { "\(reference.namespace)/\(reference.name)" }
    var isMirror: Bool { metadata.annotations[Annotation.configMirror] != nil }
}
