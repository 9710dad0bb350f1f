import Cgroups
import Errors
import ImageStore
import Launch
import LinuxSystem
import Logging
import OCI
import PodNetwork
import Synchronization

/// What all pods of one runtime share.
final class RuntimeContext: Sendable {
    let configuration: RuntimeConfiguration
    let images: ImageStore
    let network: any PodNetwork
    let logger: Logger
    let hierarchy: CgroupHierarchy
    /// `<cgroup2 mount>/<cgroup root>`.
    let base: Cgroup
    /// Where shims live, outside their pods' limits.
    let shims: Cgroup
    let shim: SealedExecutable
    /// Capabilities of the daemon itself, a bit each.
    let capabilities: UInt64
    let hostname: String
    /// Whether the machine can weigh CPU time.
    let weighted: Bool
    let seccomp = SeccompFilters()
    let devices = DeviceFilters()
    /// Why devices cannot be filtered here; nil when they can.
    let unfilteredDevices: String?
    let execs = ExecExits()
    let events = EventBroadcaster()
    /// An element after a load of images ended.
    let loads = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let threads = BlockingThreads()
    private let accounts = Mutex<[Digest: UserDatabase]>([:])

    init(
        configuration: RuntimeConfiguration, images: ImageStore, network: any PodNetwork, logger: Logger
    ) throws(SwiftletError) {
        self.configuration = configuration
        self.images = images
        self.network = network
        self.logger = logger
        hierarchy = try CgroupHierarchy.discover()
        base = try hierarchy.makeBase(configuration.cgroupRoot)
        shims = base.child("shims")
        try shims.create()
        shim = try SealedExecutable(copying: configuration.shimPath, name: "swiftlet-shim")
        capabilities = try DaemonFacts.capabilities()
        hostname = DaemonFacts.hostname()
        unfilteredDevices = RuntimeContext.probe(devices, logger)
        weighted = try base.controllers().contains("cpu")
    }

    /// Without the filter containers make no device nodes, unless they ask for MKNOD: said at every start.
    private static func probe(_ devices: DeviceFilters, _ logger: Logger) -> String? {
        do throws(SwiftletError) {
            try devices.probe()
            return nil
        } catch {
            logger.warning("containers' devices cannot be filtered here", metadata: ["error": "\(error)"])
            return error.description
        }
    }

    /// The users and groups of an image, read once.
    func accounts(of image: Digest) throws(SwiftletError) -> UserDatabase {
        if let known = accounts.withLock({ $0[image] }) { return known }
        let passwd = try read(image, "/etc/passwd")
        let database = UserDatabase(passwd: passwd, group: try read(image, "/etc/group"))
        accounts.withLock {
            if $0.count >= 256 { $0.removeAll() }
            $0[image] = database
        }
        return database
    }

    private func read(_ image: Digest, _ path: String) throws(SwiftletError) -> String {
        guard let bytes = try images.readFile(inImage: image, path: path) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    func planner(_ sandbox: ContainerPlanner.Sandbox, image: Digest) -> ContainerPlanner {
        ContainerPlanner(
            surroundings: .init(
                host: Host(),
                accounts: { () throws(SwiftletError) in try self.accounts(of: image) },
                seccomp: { (selection, bounding) throws(SwiftletError) in
                    try self.seccomp.program(selection, bounding: bounding)
                },
                capabilities: capabilities, filtersDevices: unfilteredDevices == nil),
            sandbox: sandbox)
    }
}
