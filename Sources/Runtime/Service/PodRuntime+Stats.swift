import CRI
import Cgroups
import Errors
import LinuxSystem
import PodNetwork

extension PodRuntime {
    public func containerStats(_ request: CRIContainerStatsRequest) async throws -> CRIContainerStatsResponse {
        let (pod, id) = try container(request.containerID)
        guard let view = pod.view.containers[id] else { throw SwiftletError.notFound("container", id) }
        return try await context.threads.run { [self] in
            let stats = try stats(view)
            return .with { $0.stats = stats }
        }
    }

    public func listContainerStats(
        _ request: CRIListContainerStatsRequest
    ) async throws -> CRIListContainerStatsResponse {
        let filter = request.filter
        let views = pods.all.map(\.view).filter {
            filter.podSandboxID.isEmpty || PodRegistry.matches($0.sandbox.id, filter.podSandboxID)
        }.flatMap { Array($0.containers.values) }.filter { container in
            container.record.isRunning
                && (filter.id.isEmpty || PodRegistry.matches(container.record.id, filter.id))
                && Labels.match(filter.labelSelector, container.record.config.labels)
        }
        return try await context.threads.run { [self] in
            let all = try present(views) { (view) throws(SwiftletError) in try stats(view) }
            return .with { $0.stats = all }
        }
    }

    public func podSandboxStats(_ request: CRIPodSandboxStatsRequest) async throws -> CRIPodSandboxStatsResponse {
        let view = try pod(request.podSandboxID).view
        return try await context.threads.run { [self] in
            let stats = try stats(view)
            return .with { $0.stats = stats }
        }
    }

    public func listPodSandboxStats(
        _ request: CRIListPodSandboxStatsRequest
    ) async throws -> CRIListPodSandboxStatsResponse {
        let filter = request.filter
        let views = pods.all.map(\.view).filter { view in
            view.isReady && (filter.id.isEmpty || PodRegistry.matches(view.sandbox.id, filter.id))
                && Labels.match(filter.labelSelector, view.sandbox.config.labels)
        }
        return try await context.threads.run { [self] in
            let all = try present(views) { (view) throws(SwiftletError) in try stats(view) }
            return .with { $0.stats = all }
        }
    }

    /// Lists leave out what went away while they were made.
    private func present<View, Stats>(
        _ views: [View], _ stats: (View) throws(SwiftletError) -> Stats
    ) throws(SwiftletError) -> [Stats] {
        var found: [Stats] = []
        for view in views {
            do { found.append(try stats(view)) } catch  where error.code == .notFound { continue }
        }
        return found
    }

    private func stats(_ view: ContainerView) throws(SwiftletError) -> CRIContainerStats {
        var stats = CRIContainerStats()
        let record = view.record
        stats.attributes = .with {
            $0.id = record.id
            $0.metadata = record.config.metadata
            $0.labels = record.config.labels
            $0.annotations = record.config.annotations
        }
        if record.isRunning {
            let usage = try view.cgroup.stats()
            stats.cpu = cpu(usage, view.cgroup.path, since: record.startedAt)
            if let memory = usage.memory { stats.memory = self.memory(memory) }
            if let swap = usage.swap {
                stats.swap = .with {
                    $0.timestamp = wallClockNanoseconds()
                    $0.swapUsageBytes.value = swap
                }
            }
        }
        let layer = try context.images.snapshotUsage(id: record.id)
        stats.writableLayer = .with {
            $0.timestamp = layer.takenAt
            $0.fsID.mountpoint = context.configuration.root
            $0.usedBytes.value = UInt64(clamping: layer.usage.bytes)
            $0.inodesUsed.value = UInt64(clamping: layer.usage.inodes)
        }
        return stats
    }

    private func stats(_ view: PodView) throws(SwiftletError) -> CRIPodSandboxStats {
        let usage = try Cgroup(path: view.sandbox.cgroup).stats()
        let running = view.containers.values.filter(\.record.isRunning).sorted {
            $0.record.createdAt < $1.record.createdAt
        }
        let containers = try present(running) { (container) throws(SwiftletError) in try stats(container) }
        let interfaces = try context.network.usage(sandboxID: view.sandbox.id).map(PodRuntime.interface)
        return .with {
            $0.attributes = .with {
                $0.id = view.sandbox.id
                $0.metadata = view.sandbox.config.metadata
                $0.labels = view.sandbox.config.labels
                $0.annotations = view.sandbox.config.annotations
            }
            $0.linux = .with {
                $0.cpu = cpu(usage, view.sandbox.cgroup, since: view.sandbox.createdAt)
                if let memory = usage.memory { $0.memory = self.memory(memory) }
                if let processes = usage.processes {
                    $0.process = .with {
                        $0.timestamp = wallClockNanoseconds()
                        $0.processCount.value = processes
                    }
                }
                $0.containers = containers
                if let main = interfaces.first {
                    $0.network = .with {
                        $0.timestamp = wallClockNanoseconds()
                        $0.defaultInterface = main
                        $0.interfaces = Array(interfaces.dropFirst())
                    }
                }
            }
        }
    }

    private static func interface(_ usage: InterfaceUsage) -> CRINetworkInterfaceUsage {
        .with {
            $0.name = usage.name
            $0.rxBytes.value = usage.statistics.receivedBytes
            $0.rxErrors.value = usage.statistics.receiveErrors
            $0.txBytes.value = usage.statistics.sentBytes
            $0.txErrors.value = usage.statistics.sendErrors
        }
    }

    private func cpu(_ usage: CgroupStats, _ path: String, since: Int64) -> CRICpuUsage {
        .with {
            let now = wallClockNanoseconds()
            $0.timestamp = now
            $0.usageCoreNanoSeconds.value = usage.cpuNanoseconds
            $0.usageNanoCores.value = sampler.rate(path, cpu: usage.cpuNanoseconds, age: now - since)
        }
    }

    private func memory(_ usage: CgroupStats.Memory) -> CRIMemoryUsage {
        .with {
            $0.timestamp = wallClockNanoseconds()
            $0.usageBytes.value = usage.usage
            $0.workingSetBytes.value = usage.workingSet
            $0.rssBytes.value = usage.anonymous
            $0.pageFaults.value = usage.pageFaults
            $0.majorPageFaults.value = usage.majorPageFaults
            if let limit = usage.limit {
                $0.availableBytes.value = limit > usage.workingSet ? limit - usage.workingSet : 0
            }
        }
    }
}
