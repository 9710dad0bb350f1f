import Errors
import KubeAPI

/// Static pods: those of the manifests folder, with an object each in the API that shows them.
extension PodLoop {
    func follow(_ source: any ManifestSource) async {
        let folder = ManifestFolder(source: source, node: context.settings.name)
        for await _ in ticks(source) {
            let found: ManifestFolder.Found
            do { found = try await folder.read() } catch {
                await report(SwiftletError.wrapping(error).description)
                // What was read before goes on: a folder that cannot be read is not an empty one.
                continue
            }
            for problem in found.problems where statics.reported.insert(problem).inserted { await report(problem) }
            statics.reported.formIntersection(found.problems)
            await take(found)
        }
    }

    /// Now, at each change, and every 20 s.
    private func ticks(_ source: any ManifestSource) -> AsyncStream<Void> {
        let (stream, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        bell.yield()
        let changes = Task {
            for await _ in source.changes() { bell.yield() }
        }
        let clock = Task {
            while !Task.isCancelled {
                await pause(.seconds(20))
                bell.yield()
            }
        }
        bell.onTermination = { _ in
            changes.cancel()
            clock.cancel()
        }
        return stream
    }

    func report(_ problem: String) async {
        context.log.warning("manifests: \(problem)")
        let node = ObjectReference(kind: "Node", name: context.settings.name, uid: context.settings.name)
        await context.record(EventRecord(.warning, object: node, reason: "InvalidManifest", message: problem))
    }

    private func take(_ found: ManifestFolder.Found) async {
        await take(sources: found)
        for (uid, pod) in statics.pods where found.pods[uid] == nil {
            // A slip in a file does not end what runs from it.
            if let file = statics.files[uid], found.broken.contains(file) { continue }
            statics.pods[uid] = nil
            statics.files[uid] = nil
            statics.ending[uid] = pod.fullName
            await tell(uid, .deleting(statics.withStatus(pod), grace: max(1, pod.spec.gracePeriodSeconds)))
        }
        statics.pods.merge(found.pods) { old, _ in old }
        statics.files.merge(found.files) { $1 }
        await startStatics()
        knowsManifests = true
        await repairMirrors()
        await endOrphans()
    }

    /// A changed manifest is another pod of the same name, and begins when the one before has ended.
    func startStatics() async {
        for (uid, pod) in statics.pods where workers[uid] == nil && !statics.ending.values.contains(pod.fullName) {
            await tell(uid, .running(statics.withStatus(pod)))
        }
    }

    /// Makes the API show every static pod, and no mirror of one that is gone. One at a time: each step waits for the API,
    /// whose answer changes what is to be done.
    func repairMirrors() async {
        guard knowsPods, knowsManifests else { return }
        statics.mustRepair = true
        guard !statics.isRepairing else { return }
        statics.isRepairing = true
        while statics.mustRepair {
            statics.mustRepair = false
            await removeStaleMirrors()
            await makeMissingMirrors()
        }
        statics.isRepairing = false
    }

    private func removeStaleMirrors() async {
        for (uid, mirror) in statics.mirrors {
            let isStale = statics.pods[uid] == nil && workers[uid] == nil
            guard isStale || mirror.metadata.deletionTimestamp != nil && statics.pods[uid] != nil else { continue }
            statics.mirrors[uid] = nil
            do { try await context.cluster.removePod(mirror.reference) } catch {
                context.log.warning("remove mirror \(podText(mirror.reference)): \(SwiftletError.wrapping(error))")
            }
        }
    }

    /// Made now, or found: word of an earlier one's end may come after the next one was made.
    private func mirror(of pod: Pod) async throws -> Pod {
        do { return try await context.cluster.createPod(pod.json) } catch let error as SwiftletError
            where error.code == .alreadyExists
        {
            guard let present = try? await context.cluster.pod(pod.reference),
                present.metadata.deletionTimestamp == nil
            else { throw error }
            return present
        }
    }

    private func makeMissingMirrors() async {
        for (uid, pod) in statics.pods where statics.mirrors[uid] == nil {
            // The name is taken until the one before is gone.
            if statics.mirrors.values.contains(where: { $0.fullName == pod.fullName }) { continue }
            do {
                statics.mirrors[uid] = try await mirror(of: pod)
                await workers[uid]?.writeStatusAgain()
            } catch {
                let problem = "show pod \(podText(pod.reference)) in the API: \(SwiftletError.wrapping(error))"
                if statics.reported.insert(problem).inserted { await report(problem) }
            }
        }
    }
}
