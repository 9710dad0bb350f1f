import Errors
import KubeAPI

/// A claim whose deletion has begun.
struct DeletedClaim: Sendable, Equatable {
    var uid: String
    var at: Timestamp
}

/// ConfigMaps, Secrets and claims: pods that name one hear of its changes, and claims go when nobody uses them any more.
extension PodLoop {
    func followSources() async {
        while !Task.isCancelled {
            do {
                for try await change in context.cluster.watchSources() { await take(change) }
            } catch {
                context.log.warning("watch ConfigMaps, Secrets and claims: \(SwiftletError.wrapping(error))")
            }
            await pause(.seconds(1))
        }
    }

    private func take(_ change: SourceChange) async {
        for (uid, pod) in wanted.merging(statics.pods, uniquingKeysWith: { own, _ in own }) {
            switch change {
            case .all: if !pod.sources.isEmpty { await workers[uid]?.sourcesChanged() }
            case .one(let source): if pod.sources.contains(source) { await workers[uid]?.sourcesChanged() }
            }
        }
        switch change {
        case .all: await keepAllSources()
        case .one(let source): if let own = statics.sources[source] { await keep(source, own) }
        }
        do { try await noteDeletedClaims(change) } catch {
            context.log.warning("look for deleted claims: \(SwiftletError.wrapping(error))")
        }
        await releaseClaims()
    }

    private func noteDeletedClaims(_ change: SourceChange) async throws {
        switch change {
        case .one(let source):
            guard source.kind == .claim else { return }
            deletedClaims[source] = nil
            if let object = try await context.cluster.source(source) {
                note(try PersistentVolumeClaim(object))
            }
        case .all:
            deletedClaims = [:]
            for object in try await context.cluster.sources(.claim) { note(try PersistentVolumeClaim(object)) }
        }
    }

    private func note(_ claim: PersistentVolumeClaim) {
        guard let at = claim.metadata.deletionTimestamp, let name = claim.metadata.name else { return }
        let reference = SourceReference(.claim, namespace: claim.metadata.namespace ?? "default", name: name)
        deletedClaims[reference] = DeletedClaim(uid: claim.metadata.uid ?? "", at: at)
    }

    /// Not by a pod that has ended, nor by one that came later and waits: it gets no claim that is being deleted.
    private func isUsed(_ claim: SourceReference, _ deleted: DeletedClaim) -> Bool {
        claimUsers.contains { uid, claims in
            guard claims.contains(claim) else { return false }
            guard let pod = wanted[uid] else { return true }
            let cameLater = pod.metadata.creationTimestamp.map { $0 > deleted.at } ?? false
            return !cameLater && pod.status?.phase?.isTerminal != true
        }
    }

    /// Removes the directories of claims that are being deleted and that no pod uses, then the claims.
    func releaseClaims() async {
        guard !deletedClaims.isEmpty, knowsPods, knowsManifests, newestList > 0 else { return }
        for (claim, deleted) in deletedClaims where !isUsed(claim, deleted) {
            do {
                try await context.volumes.removeClaim(namespace: claim.namespace, name: claim.name)
                try await context.cluster.removeSource(claim, uid: deleted.uid)
                deletedClaims[claim] = nil
            } catch {
                context.log.warning(
                    "remove claim \(claim.namespace)/\(printable(claim.name)): \(SwiftletError.wrapping(error))")
            }
        }
    }
}
