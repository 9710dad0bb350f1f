import APIServer
import CRI
import Errors
import ImageStore
import KubeAPI
import LinuxSystem
import Logging
import PodLoop
import PodNetwork
import Runtime
import Volumes

/// All parts of the daemon, put together. The API server and the control loop get a client of `runtime.sock`, never the
/// runtime itself.
final class Daemon: Sendable {
    private let runtime: PodRuntime
    private let server: JSONRPCServer
    private let client: RuntimeClient
    private let api: APIServer
    private let tasks: [Task<Void, Never>]

    private init(
        runtime: PodRuntime, server: JSONRPCServer, client: RuntimeClient, api: APIServer, tasks: [Task<Void, Never>]
    ) {
        self.runtime = runtime
        self.server = server
        self.client = client
        self.api = api
        self.tasks = tasks
    }

    /// Lower rooms first, so that nothing listens before what it needs is there.
    static func start(_ options: DaemonOptions, logger: Logger) async throws -> Daemon {
        let directories = StateDirectories(options)
        try await onOwnThread { try directories.prepare() }
        let limits = try options.imageLimits()
        let store = try await onOwnThread {
            try ImageStore(
                directory: options.root + "/images", limits: limits, snapshotter: options.snapshotter, logger: logger)
        }
        let snapshotter = store.snapshotter
        logger.info(
            "snapshots: \(snapshotter.kind)",
            metadata: [
                "why": "\(snapshotter.reason)", "sharing": "\(snapshotter.sharesData.reason)",
                "owners": "\(snapshotter.mapsOwners.reason)",
            ])
        let configuration = RuntimeConfiguration(
            root: options.root, run: options.run, shimPath: try directories.shim(), cgroupRoot: options.cgroupRoot,
            resolver: options.resolver, processesPerPod: options.podMaxPIDs < 0 ? nil : options.podMaxPIDs)
        let runtime = try await onOwnThread {
            try PodRuntime(
                configuration: configuration, imageStore: store, logger: logger,
                network: try network(options, logger: logger))
        }
        try await runtime.start()
        var methods = MethodTable()
        methods.serve(runtime as any RuntimeService)
        methods.serve(runtime as any ImageService)
        let server = try await JSONRPCServer.start(at: options.run + "/runtime.sock", methods: methods, logger: logger)
        let client = RuntimeClient(socketPath: options.run + "/runtime.sock")
        let node = options.resolvedNodeName
        let api = try await APIServer.open(
            socketPath: options.run + "/api.sock", databasePath: options.root + "/state.db", runtime: client,
            nodeName: node,
            version: swiftletVersion, logger: logger, now: now)
        let loop = try podLoop(
            options, node: node, cluster: api.cluster, runtime: client, cgroupRoot: configuration.cgroupRoot,
            logger: logger)
        var tasks = [
            Task { await loop.run() },
            Task { for await _ in runtime.imagesLoaded { await loop.imagesChanged() } },
        ]
        try await api.start()
        if let folder = options.images {
            tasks.append(
                Task {
                    await PreloadedImages(folder: folder, store: store, logger: logger).load {
                        await loop.imagesChanged()
                    }
                })
        }
        return Daemon(runtime: runtime, server: server, client: client, api: api, tasks: tasks)
    }

    private static func network(_ options: DaemonOptions, logger: Logger) throws -> any PodNetwork {
        if let settings = try options.cniSettings { return try CNINetwork(settings: settings, logger: logger) }
        if let settings = try options.bridgeSettings { return try BridgeNetwork(settings: settings, logger: logger) }
        return LoopbackNetwork()
    }

    private static func podLoop(
        _ options: DaemonOptions, node: String, cluster: any ClusterAPI, runtime: RuntimeClient, cgroupRoot: String,
        logger: Logger
    ) throws -> PodLoop {
        let volumes = try HostVolumes(
            podsDirectory: options.root + "/pods", logDirectory: options.root + "/logs",
            claimsDirectory: options.root + "/claims")
        return PodLoop(
            settings: try NodeFacts(root: options.root, bridge: options.bridgeSettings?.bridge)
                .settings(name: node, options: options), cluster: cluster,
            runtime: runtime, volumes: volumes, cgroups: NodeCgroups(root: cgroupRoot),
            manifests: try options.manifests.map { try HostManifests(directory: $0) },
            gauge: MachineGauge(root: options.root, images: options.root + "/images", volumes: volumes),
            now: now, log: logger)
    }

    @Sendable private static func now() -> Timestamp { Timestamp(nanosecondsSince1970: wallClockNanoseconds()) }

    /// Upper rooms first. Pods and their containers run on.
    func stop() async {
        await api.stop()
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        await client.close()
        await server.shutdown(grace: .seconds(5))
        await runtime.stop()
    }
}
