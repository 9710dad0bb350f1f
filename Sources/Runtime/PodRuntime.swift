import CRI
import Errors
import Glibc
import ImageStore
import Launch
import LinuxSystem
import Logging
import PodNetwork
import Streaming
import Synchronization

/// The runtime: CRI's two services over pods made of shims, and the endpoint that takes image archives.
public final class PodRuntime: Sendable {
    let context: RuntimeContext
    let pods = PodRegistry()
    let readiness: Readiness
    let sampler: UsageSampler
    private let monitor: ShimMonitor
    private let parts = Mutex(Parts())

    private struct Parts {
        var lock: Int32?
        var streaming: StreamingServer?
        var images: ImageSocket?
        var sampling: Task<Void, Never>?
    }

    /// Prepares: directories, cgroups, the sealed shim. Nothing runs and nothing listens before `start`. Blocks for some
    /// milliseconds.
    public init(
        configuration: RuntimeConfiguration, imageStore: ImageStore, logger: Logger,
        network: any PodNetwork = LoopbackNetwork()
    ) throws(SwiftletError) {
        try Files.makeDirectories(configuration.run, mode: 0o755)
        try Files.makeDirectory(configuration.sandboxes, mode: 0o711)
        context = try RuntimeContext(
            configuration: configuration, images: imageStore, network: network, logger: logger)
        readiness = try Readiness()
        sampler = UsageSampler()
        let (pods, context) = (pods, context)
        monitor = try ShimMonitor { PodRuntime.take($0, pods, context) }
    }

    /// Takes over what an earlier daemon left, then opens the streaming and the image endpoints.
    /// Errors: `failedPrecondition` when another daemon has the run directory.
    public func start() async throws {
        try await context.threads.run { [self] in
            try takeLock()
            context.network.start()
        }
        let unknown = try await Recovery(context: context, pods: pods) { (pod) throws(SwiftletError) in
            try self.watch(pod, nil)
        }.run()
        try await context.threads.run { [self] in context.network.keepOnly(networkHolders(unknown)) }
        let run = context.configuration.run
        let streaming = try await StreamingServer.start(at: "\(run)/streaming.sock", logger: context.logger)
        let images = try ImageSocket(context: context)
        let sampling = Task { await self.sampleForEver() }
        parts.withLock {
            $0.streaming = streaming
            $0.images = images
            $0.sampling = sampling
        }
    }

    /// An element after each load over the image endpoint, for one reader: pods that wait for an image can be tried at once.
    public var imagesLoaded: AsyncStream<Void> { context.loads.stream }

    /// Closes the endpoints. Pods and their containers run on.
    public func stop() async {
        let parts = parts.withLock { parts in
            defer { parts = Parts() }
            return parts
        }
        parts.sampling?.cancel()
        parts.images?.stop()
        await parts.streaming?.shutdown()
        context.events.finish()
        context.loads.continuation.finish()
        monitor.stop()
        do { try await context.threads.run { [context] in context.network.stop() } } catch {
            context.logger.notice("the network was not stopped", metadata: ["error": "\(error)"])
        }
        if pods.all.isEmpty {
            do { try await context.threads.run { [context] in try context.base.remove() } } catch {
                context.logger.notice("the cgroup of this daemon stays", metadata: ["error": "\(error)"])
            }
        }
        if let lock = parts.lock { close(lock) }
    }

    /// Who holds the network of each sandbox that lives; 0 for those of which little is known.
    private func networkHolders(_ unknown: [String]) -> [String: Int32] {
        var holders = Dictionary(uniqueKeysWithValues: unknown.map { ($0, Int32(0)) })
        for view in pods.all.map(\.view) where view.isReady { holders[view.sandbox.id] = view.sandbox.shimPID }
        return holders
    }

    /// The endpoint for exec and attach; there only between `start` and `stop`.
    func streaming() throws(SwiftletError) -> StreamingServer {
        guard let streaming = parts.withLock({ $0.streaming }) else {
            throw SwiftletError(.unavailable, "the runtime is not started")
        }
        return streaming
    }

    /// `process` is a shim of this daemon's own; nil for one it found.
    func watch(_ pod: Pod, _ process: consuming ProcessHandle?) throws(SwiftletError) {
        try monitor.add(sandboxID: pod.id, directory: pod.directory, process: process)
    }

    /// On the monitor's thread.
    private static func take(_ notice: ShimMonitor.Notice, _ pods: PodRegistry, _ context: RuntimeContext) {
        switch notice {
        case .event(let sandboxID, .exited(let id, let isExec, let exit)):
            if isExec { return context.execs.post(id, exit) }
            guard let pod = pods.exactly(sandboxID) else { return }
            Task { await pod.exited(id, exit) }
        case .lost(let sandboxID):
            context.execs.lost(sandboxID)
            guard let pod = pods.exactly(sandboxID) else { return }
            Task { await pod.lost() }
        }
    }

    private func takeLock() throws(SwiftletError) {
        let path = "\(context.configuration.run)/lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw systemError(errno, "open", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let error = errno
            close(descriptor)
            guard error == EWOULDBLOCK else { throw systemError(error, "lock", path) }
            throw SwiftletError(
                .failedPrecondition, "another swiftletd uses this run directory", operation: "start",
                object: printable(context.configuration.run), hint: "stop it, or give this one another --run")
        }
        parts.withLock { $0.lock = descriptor }
    }

    private func sampleForEver() async {
        while !Task.isCancelled {
            context.threads.start { [sampler, pods] in sampler.take(pods.all.map(\.view)) }
            // Cancelled when the runtime stops.
            try? await Task.sleep(for: UsageSampler.interval)
        }
    }
}
