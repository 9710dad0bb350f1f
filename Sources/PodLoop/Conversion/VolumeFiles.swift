import Errors
import KubeAPI

/// The files of a pod's configMap, secret, downwardAPI and projected volumes.
struct VolumeFiles {
    let fields: PodFields
    let sources: PodSources

    private var pod: Pod { fields.pod }

    /// Nil for a volume of another kind. Throws what a FailedMount event shows.
    func files(of volume: Volume) throws(SwiftletError) -> [VolumeFile]? {
        if let source = volume.configMap {
            return try configMap(source.name, source.items, source.optional, source.defaultMode)
        }
        if let source = volume.secret {
            return try secret(source.secretName, source.items, source.optional, source.defaultMode)
        }
        if let source = volume.downwardAPI { return try downward(source.items, source.defaultMode) }
        if let source = volume.projected { return try projected(source) }
        return nil
    }

    /// A path that two sources have is the later one's.
    private func projected(_ source: ProjectedVolumeSource) throws(SwiftletError) -> [VolumeFile] {
        var files: [VolumeFile] = []
        for projection in source.sources {
            var more: [VolumeFile] = []
            if let map = projection.configMap {
                more = try configMap(map.name, map.items, map.optional, source.defaultMode)
            } else if let secret = projection.secret {
                more = try self.secret(secret.name, secret.items, secret.optional, source.defaultMode)
            } else if let downward = projection.downwardAPI {
                more = try self.downward(downward.items, source.defaultMode)
            }
            let paths = Set(more.map(\.path))
            files.removeAll { paths.contains($0.path) }
            files += more
        }
        return files
    }

    private func configMap(
        _ name: String?, _ items: [KeyToPath], _ optional: Bool?, _ mode: Int32?
    ) throws(SwiftletError) -> [VolumeFile] {
        guard let map = sources.configMaps[name ?? ""] else {
            if optional == true { return [] }
            throw missing("configmap", name)
        }
        return try select(map.files, items, optional, mode, "configmap references non-existent config key")
    }

    private func secret(
        _ name: String?, _ items: [KeyToPath], _ optional: Bool?, _ mode: Int32?
    ) throws(SwiftletError) -> [VolumeFile] {
        guard let secret = sources.secrets[name ?? ""] else {
            if optional == true { return [] }
            throw missing("secret", name)
        }
        return try select(secret.files, items, optional, mode, "references non-existent secret key")
    }

    /// All keys by their names, or those that are listed.
    private func select(
        _ keys: [String: [UInt8]], _ items: [KeyToPath], _ optional: Bool?, _ mode: Int32?, _ absent: String
    ) throws(SwiftletError) -> [VolumeFile] {
        let usual = UInt32(clamping: mode ?? 0o644)
        guard !items.isEmpty else {
            return keys.sorted { $0.key < $1.key }.map { VolumeFile(path: $0.key, bytes: $0.value, mode: usual) }
        }
        var files: [VolumeFile] = []
        for item in items {
            guard let bytes = keys[item.key] else {
                if optional == true { continue }
                throw SwiftletError(.notFound, "\(absent): \(printable(item.key))")
            }
            files.append(
                VolumeFile(path: item.path, bytes: bytes, mode: item.mode.map { UInt32(clamping: $0) } ?? usual))
        }
        return files
    }

    private func downward(_ items: [DownwardAPIVolumeFile], _ mode: Int32?) throws(SwiftletError) -> [VolumeFile] {
        var files: [VolumeFile] = []
        for item in items {
            var text = ""
            if let field = item.fieldRef {
                text = try fields.field(field.fieldPath)
            } else if let resource = item.resourceFieldRef {
                text = try fields.resource(resource, own: nil)
            }
            files.append(
                VolumeFile(
                    path: item.path, bytes: Array(text.utf8), mode: UInt32(clamping: item.mode ?? mode ?? 0o644)))
        }
        return files
    }
}
