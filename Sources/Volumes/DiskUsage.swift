import Errors
import KubeAPI
import LinuxSystem

extension HostVolumes {
    /// What a pod's logs and its volumes on the disk take. What is in memory is the memory's; a host path and a claim do
    /// not go with the pod.
    public func diskUsage(of pod: PodReference) async throws -> PodDiskUsage {
        try await blocking { [self] in
            try checkName(pod.uid)
            var usage = PodDiskUsage()
            if let own = try logs.openDirectoryIfPresent(FileName("\(pod.namespace)_\(pod.name)_\(pod.uid)")) {
                for name in try own.names() {
                    guard let folder = try own.openDirectoryIfPresent(name) else { continue }
                    usage.logs[name.text] = try bytes(in: folder, &usage)
                }
            }
            let volumes = try pods.openDirectoryIfPresent(FileName(pod.uid))?
                .openDirectoryIfPresent(FileName("volumes"))
            for kind in ["kubernetes.io~empty-dir", "kubernetes.io~configmap"] {
                guard let parent = try volumes?.openDirectoryIfPresent(FileName(kind)) else { continue }
                let device = try parent.ownStatus().device
                for name in try parent.names() {
                    guard let folder = try parent.openDirectoryIfPresent(name), try folder.ownStatus().device == device
                    else { continue }
                    usage.volumes[name.text] = try bytes(in: folder, &usage)
                }
            }
            return usage
        }
    }

    private func bytes(in folder: Directory, _ usage: inout PodDiskUsage) throws(SwiftletError) -> Int64 {
        var walk = UsageWalk()
        try walk.add(folder)
        usage.inodes += walk.inodes
        return walk.bytes
    }
}
