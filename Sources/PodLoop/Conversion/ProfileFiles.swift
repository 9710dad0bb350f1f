import Errors
import KubeAPI

/// The seccomp profiles of a pod that are files of the node, each with the field that names it.
func seccompProfileFiles(of pod: Pod, in directory: String) -> [(field: String, path: String)] {
    let asked =
        [("spec.securityContext", pod.spec.securityContext?.seccompProfile)]
        + pod.spec.containersByPath.map { ("\($0).securityContext", $1.securityContext?.seccompProfile) }
    return asked.compactMap { path, profile in
        guard let profile, profile.type == .localhost, let file = profile.localhostProfile else { return nil }
        return ("\(path).seccompProfile.localhostProfile", "\(directory)/\(file)")
    }
}

extension NodeSettings {
    /// Before anything of a pod is made: each profile file it names is there, and is a profile.
    func checkProfiles(of pod: Pod) async throws(SwiftletError) {
        for (field, path) in seccompProfileFiles(of: pod, in: seccompProfileDirectory) {
            do { try await checkSeccompProfile(path) } catch {
                throw SwiftletError.wrapping(error).during("check", field)
            }
        }
    }
}
