import CRI
import Errors
import KubeAPI

/// Gives pods with `hostUsers: false` their ranges of ids. A range is on disk before anything is made with it, and is given
/// back after everything of the pod, that file included, is gone: so whenever the daemon is killed, no range has two pods.
actor UserNamespaces {
    private let volumes: any VolumeManager
    private let runtime: any RuntimeService
    private var pool: UserRangePool
    private var written: Set<String> = []
    private var loading: Task<[String: UserRange], any Error>?
    private var isLoaded = false
    /// Pods that were removed while the ranges were being read.
    private var goneMeanwhile: Set<String> = []

    init(ids: UserIDs, volumes: any VolumeManager, runtime: any RuntimeService) {
        pool = UserRangePool(ids: ids)
        self.volumes = volumes
        self.runtime = runtime
    }

    /// The range of a pod, the same whenever asked; nil for a pod in the host's user namespace. Errors: `resourceExhausted`
    /// when all are in use.
    func range(for pod: Pod) async throws -> UserRange? {
        guard pod.spec.hostUsers == false else { return nil }
        try await load()
        let uid = pod.reference.uid
        let range = try pool.take(for: uid)
        guard !written.contains(uid) else { return range }
        // Should this fail, the range stays the pod's: it may be on disk all the same.
        try await volumes.keepUserRange(range.text, pod: pod.reference)
        written.insert(uid)
        return range
    }

    /// Nothing of the pod is left, neither processes nor files.
    func release(_ uid: String) {
        if !isLoaded { goneMeanwhile.insert(uid) }
        written.remove(uid)
        pool.giveBack(of: uid)
    }

    private func load() async throws {
        guard !isLoaded else { return }
        let task = loading ?? Task { [volumes, runtime] in try await Self.known(volumes, runtime) }
        loading = task
        let result = await task.result
        // Another caller may have taken it over while this one waited.
        guard !isLoaded else { return }
        loading = nil
        var fresh = UserRangePool(ids: pool.ids)
        for (uid, range) in try result.get() where !goneMeanwhile.contains(uid) { try fresh.hold(range, for: uid) }
        pool = fresh
        isLoaded = true
        goneMeanwhile = []
    }

    /// By pod: what was kept, and what sandboxes run with, should somebody have removed the files.
    private static func known(
        _ volumes: any VolumeManager, _ runtime: any RuntimeService
    ) async throws -> [String: UserRange] {
        var known: [String: UserRange] = [:]
        for (uid, text) in try await volumes.userRanges() { known[uid] = try UserRange(parsing: text, uid: uid) }
        for sandbox in try await runtime.listPodSandbox(CRIListPodSandboxRequest()).items {
            guard let uid = sandbox.labels[Label.podUID], known[uid] == nil else { continue }
            var request = CRIPodSandboxStatusRequest()
            request.podSandboxID = sandbox.id
            do {
                let status = try await runtime.podSandboxStatus(request).status
                if let range = UserRange(status.linux.namespaces.options) { known[uid] = range }
            } catch let error as SwiftletError where error.code == .notFound { continue }
        }
        return known
    }
}
