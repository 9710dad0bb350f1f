import PodLoop
import Volumes

// PodLoop says what it needs of the host, Volumes does it, and neither imports the other.

extension HostVolumes: VolumeManager {}

extension HostManifests: ManifestSource {
    public func files() async throws -> [ManifestFile] {
        try await read().map { ManifestFile(name: $0.name, content: $0.content) }
    }
}
