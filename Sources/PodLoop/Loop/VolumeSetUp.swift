import Errors
import KubeAPI

/// Brings a pod's volumes up, and those that are up to date with the objects they show.
struct VolumeSetUp: Sendable {
    let context: LoopContext

    /// Host paths by volume name. Throws what a FailedMount event shows.
    func run(_ pod: Pod) async throws -> [String: String] {
        let sources = try await PodSources(of: pod, in: context.cluster)
        let projection = VolumeFiles(fields: PodFields(pod: pod, node: context.settings), sources: sources)
        var files: [String: [VolumeFile]] = [:]
        for volume in pod.spec.volumes {
            do throws(SwiftletError) {
                if let claim = volume.persistentVolumeClaim { try check(claim, sources) }
                files[volume.name] = try projection.files(of: volume)
            } catch {
                throw error.during("MountVolume.SetUp failed for volume", "\"\(printable(volume.name))\"")
            }
        }
        return try await context.volumes.setUp(pod, files: files)
    }

    private func check(_ source: PersistentVolumeClaimVolumeSource, _ sources: PodSources) throws(SwiftletError) {
        guard let claim = sources.claims[source.claimName] else {
            throw missing("persistentvolumeclaim", source.claimName)
        }
        let name = printable(source.claimName)
        guard claim.metadata.deletionTimestamp == nil else {
            throw SwiftletError(.failedPrecondition, "persistentvolumeclaim \"\(name)\" is being deleted")
        }
        guard claim.isBound else {
            throw SwiftletError(
                .failedPrecondition,
                "persistentvolumeclaim \"\(name)\" is not bound: storage class "
                    + "\"\(printable(claim.spec.storageClassName ?? ""))\" with volume mode "
                    + "\(printable(claim.spec.volumeMode ?? "Filesystem")) is not offered by this node",
                hint: "use storage class \(PersistentVolumeClaim.localClass) and volume mode Filesystem")
        }
    }
}
