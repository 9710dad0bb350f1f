import KubeAPI

extension PodLoop {
    /// Keeps the machine from filling up.
    func followPressure(_ gauge: any NodeGauge) async {
        let images = ImageCollector(context: context, gauge: gauge) { [weak self] in await self?.namedImages() ?? [] }
        let loop = PressureLoop(
            context: context, gauge: gauge, images: images, pods: { [weak self] in await self?.activePods() ?? [] },
            evict: { [weak self] pod, eviction in await self?.workers[pod.uid]?.evict(eviction) },
            removeEndedContainers: { [weak self] in await self?.removeEndedContainers() })
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await loop.run() }
            group.addTask { await images.run() }
        }
    }

    private func activePods() async -> [Pod] {
        var pods: [Pod] = []
        for worker in workers.values { if let pod = await worker.active { pods.append(pod) } }
        return pods.sorted { $0.reference.uid < $1.reference.uid }
    }

    /// Of all pods that have not ended, volumes' too.
    private func namedImages() async -> Set<String> {
        var names: Set<String> = []
        for pod in await activePods() {
            names.formUnion(pod.spec.allContainers.compactMap(\.image))
            names.formUnion(pod.spec.volumes.compactMap { $0.image?.reference })
        }
        return names
    }

    /// Returns when they are gone, or after ten seconds.
    private func removeEndedContainers() async {
        var left: [PodWorker] = []
        for worker in workers.values where await !worker.removeEndedContainers(begin: true) { left.append(worker) }
        for _ in 0..<100 where !left.isEmpty && !Task.isCancelled {
            await pause(.milliseconds(100))
            var still: [PodWorker] = []
            for worker in left where await !worker.removeEndedContainers(begin: false) { still.append(worker) }
            left = still
        }
    }
}
