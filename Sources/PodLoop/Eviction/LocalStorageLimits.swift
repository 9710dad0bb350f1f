import KubeAPI

extension Pod {
    /// Whether anything on the disk is limited that only a look can tell.
    var limitsLocalStorage: Bool {
        total(of: localStorage) { $0.limits } != nil
            || spec.volumes.contains { ($0.emptyDir?.sizeLimit?.value ?? 0) > 0 && $0.emptyDir?.isInMemory == false }
    }
}

extension EmptyDirVolumeSource {
    /// A tmpfs, which keeps its limit by itself.
    var isInMemory: Bool { medium == "Memory" }
}

private let localStorage = EvictionSignal.Resource.ephemeralStorage.rawValue

/// Why a pod goes that uses more of the disk than it may: an emptyDir over its sizeLimit, all together over the limits of
/// all containers, or a container's files and logs over its own limit. Nil while it keeps to them.
public func localStorageEviction(of usage: PodUsage) -> Eviction? {
    guard let message = excess(of: usage) else { return nil }
    return Eviction(message: message, grace: Eviction.immediately)
}

private func excess(of usage: PodUsage) -> String? {
    for volume in usage.pod.spec.volumes {
        guard let limit = volume.emptyDir?.sizeLimit, limit.value > 0, let used = usage.volumes[volume.name] else {
            continue
        }
        if used > limit.value { return "Usage of EmptyDir volume \"\(volume.name)\" exceeds the limit \"\(limit)\". " }
    }
    if let limit = usage.pod.total(of: localStorage, { $0.limits }), usage.disk > limit.value {
        return "Pod ephemeral local storage usage exceeds the total limit of containers \(limit). "
    }
    for container in usage.containers {
        guard let limit = usage.pod.container(container.name)?.container.resources?.limits[localStorage] else {
            continue
        }
        if container.disk > limit.value {
            return "Container \(container.name) exceeded its local ephemeral storage limit \"\(limit)\". "
        }
    }
    return nil
}
