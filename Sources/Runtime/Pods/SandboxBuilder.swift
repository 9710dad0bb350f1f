import CRI
import Cgroups
import Errors
import Glibc
import Launch
import LinuxSystem
import PodNetwork

/// Makes a sandbox from nothing: directory, files, cgroup, shim, network. Whatever fails, nothing stays behind.
struct SandboxBuilder {
    let context: RuntimeContext
    let id: String
    let config: CRIPodSandboxConfig
    let plan: SandboxPlanner

    init(context: RuntimeContext, config: CRIPodSandboxConfig) throws(SwiftletError) {
        self.context = context
        self.config = config
        id = Identifier.random()
        plan = try SandboxPlanner(config, id: id, hostHostname: context.hostname)
    }

    private var directory: String { "\(context.configuration.sandboxes)/\(id)" }

    /// A sandbox that is up, with its record written, and the process to reap one day. Blocks.
    func build() throws(SwiftletError) -> Built {
        var cleanup = CleanupStack()
        do {
            let built = try build(&cleanup)
            cleanup.disarm()
            return built
        } catch {
            throw cleanup.unwind(error)
        }
    }

    struct Built: ~Copyable {
        let record: SandboxRecord
        let shim: ShimConnection
        private let process: ProcessHandle

        init(record: SandboxRecord, shim: ShimConnection, process: consuming ProcessHandle) {
            self.record = record
            self.shim = shim
            self.process = process
        }

        consuming func takeProcess() -> ProcessHandle { process }
    }

    private func build(_ cleanup: inout CleanupStack) throws -> Built {
        let context = context
        let id = id
        try Files.makeDirectory(directory)
        cleanup.push("remove directory \(directory)") { try Files.removeTree(context.configuration.sandboxes, id) }
        try Files.makeDirectory("\(directory)/containers")
        try mountMemory(&cleanup)
        let cgroup = try makeCgroup(&cleanup)
        let log: OwnedDescriptor? = try openFile("\(directory)/shim.log", O_WRONLY | O_APPEND | O_CREAT)
        let process = try ShimSpawner.spawn(
            executable: context.shim, sandboxID: id, directory: directory, cgroup: context.shims.path, log: log,
            oomScoreAdjustment: -998)
        let pid = process.pid
        cleanup.push("end shim \(pid)") { try SandboxBuilder.end(pid) }
        let shim = try ShimConnection(directory: directory)
        let holder = try setUp(shim, cgroup: cgroup)
        let addresses = try connectNetwork(holder: holder, &cleanup)
        try writeNames(addresses: addresses)
        let record = SandboxRecord(
            id: id, config: config, createdAt: wallClockNanoseconds(), cgroup: cgroup.path, addresses: addresses,
            hostname: plan.hostname, shimPID: holder)
        try Files.replace("\(directory)/\(SandboxRecord.fileName)", record.serialized())
        return Built(record: record, shim: shim, process: process)
    }

    private func setUp(_ shim: ShimConnection, cgroup: Cgroup) throws(SwiftletError) -> Int32 {
        var sandbox = SandboxPlan()
        sandbox.id = id
        sandbox.newNetwork = !plan.namespaces.hostNetwork
        sandbox.newIPC = !plan.namespaces.hostIPC
        sandbox.newUTS = !plan.namespaces.hostNetwork
        sandbox.owners = plan.namespaces.owners
        sandbox.sharedPID = plan.namespaces.pid == .pod
        sandbox.hostname = sandbox.newUTS ? plan.hostname : ""
        if sandbox.newNetwork {
            sandbox.sysctls = context.network.podParameters.map { SandboxPlan.Sysctl($0.name, $0.value) }
        }
        // Later ones win.
        sandbox.sysctls += plan.sysctls
        if sandbox.sharedPID { sandbox.cgroup = cgroup.child(id).path }
        switch try shim.request(.setUp(sandbox)).reply {
        case .ready(let pid): return pid
        case .failed(let failure): throw failure.error("set up sandbox", config.metadata.name)
        case let other: throw .unexpected(other)
        }
    }

    private func connectNetwork(holder: Int32, _ cleanup: inout CleanupStack) throws(SwiftletError) -> [String] {
        guard !plan.namespaces.hostNetwork else { return [] }
        let (network, id) = (context.network, id)
        cleanup.push("take network back") { try network.tearDown(sandboxID: id) }
        let metadata = config.metadata
        let request = NetworkRequest(
            sandboxID: id, podNamespace: metadata.namespace, podName: metadata.name, podUID: metadata.uid,
            portMappings: plan.portMappings, annotations: config.annotations,
            resolver: config.hasDnsConfig
                ? .init(
                    servers: config.dnsConfig.servers, searches: config.dnsConfig.searches,
                    options: config.dnsConfig.options) : nil)
        return try network.setUp(request, holder: holder).addresses
    }

    private func makeCgroup(_ cleanup: inout CleanupStack) throws -> Cgroup {
        let cgroup = try context.base.createTree(plan.cgroupParent)
        cleanup.push("remove cgroup \(cgroup.path)") { try SandboxBuilder.removeIfUnused(cgroup) }
        var limits = try ResourceTranslation.limits(config.linux.resources, weighted: context.weighted)
        // A container that runs out of memory goes as a whole, a pod does not.
        limits.outOfMemoryGroup = nil
        if context.hierarchy.controllers.contains("pids"), limits.unified["pids.max"] == nil {
            limits.processes = context.configuration.processesPerPod
        }
        try cgroup.apply(limits)
        if plan.namespaces.pid == .pod {
            // Of its own, for the pod's PID 1: cgroup v2 keeps processes out of cgroups that have children with limits.
            let own = try context.base.createTree("\(plan.cgroupParent)/\(id)")
            cleanup.push("remove cgroup \(own.path)") { try own.remove() }
        }
        return cgroup
    }

    /// Another sandbox of the same pod may live in it.
    static func removeIfUnused(_ cgroup: Cgroup) throws(SwiftletError) {
        if rmdir(cgroup.path) != 0, errno != ENOENT, errno != EBUSY, errno != ENOTEMPTY {
            throw systemError(errno, "remove cgroup", cgroup.path)
        }
    }

    private var files: SandboxFiles { SandboxFiles(in: directory, hostIPC: plan.namespaces.hostIPC) }

    /// For the files that containers may write to, and their shared memory.
    private func mountMemory(_ cleanup: inout CleanupStack) throws(SwiftletError) {
        let place = SandboxFiles.place(in: directory)
        try Files.makeDirectory(place)
        try check(mount("shm", place, "tmpfs", 0, "mode=755,size=65536k"), "mount tmpfs on", place)
        cleanup.push("unmount \(place)") { try SandboxBuilder.unmount(place) }
        guard !plan.namespaces.hostIPC else { return }
        try Files.makeDirectory(files.sharedMemory)
        try giveToPod(files.sharedMemory)
        try check(chmod(files.sharedMemory, 0o1777), "chmod", files.sharedMemory)
    }

    /// Who owns what is this sandbox's alone: root as the pod knows it.
    private func giveToPod(_ path: String) throws(SwiftletError) {
        guard let owners = plan.namespaces.owners else { return }
        let (user, group) = (owners.outside(user: 0) ?? 0, owners.outside(group: 0) ?? 0)
        try check(chown(path, user, group), "chown", path)
    }

    /// One that is not mounted is fine.
    static func unmount(_ place: String) throws(SwiftletError) {
        if umount2(place, Int32(MNT_DETACH)) != 0, errno != EINVAL, errno != ENOENT {
            throw systemError(errno, "unmount", place)
        }
    }

    private func writeNames(addresses: [String]) throws(SwiftletError) {
        let hosts = PodFiles.hosts(hostname: plan.hostname, addresses: addresses)
        // On the host's network the host's own names hold.
        let copied = plan.namespaces.hostNetwork ? try Files.readIfPresent("/etc/hosts") : nil
        try Files.replace(files.hosts, copied ?? Array(hosts.utf8), mode: 0o644)
        try Files.replace(files.hostname, PodFiles.hostname(plan.hostname), mode: 0o644)
        try Files.replace(files.resolver, try resolver(), mode: 0o644)
        for path in [files.hosts, files.hostname, files.resolver] { try giveToPod(path) }
    }

    /// As the client says, otherwise a copy of the host's.
    private func resolver() throws(SwiftletError) -> [UInt8] {
        guard config.hasDnsConfig else { return try context.configuration.resolver.read() }
        let dns = config.dnsConfig
        return Array(
            try PodFiles.resolver(servers: dns.servers, searches: dns.searches, options: dns.options).utf8)
    }

    /// A shim that never became a pod's: killed and reaped.
    private static func end(_ pid: Int32) throws(SwiftletError) {
        let process = try ProcessHandle(opening: pid)
        do { try process.signal(SIGKILL) } catch  where error.code == .notFound {}
        guard try process.wait(timeoutMilliseconds: 5000) else {
            throw SwiftletError(.deadlineExceeded, "it did not end", operation: "end shim", object: "\(pid)")
        }
        _ = try process.reap()
    }
}

extension LaunchFailure {
    /// As an error for the client. The code follows from what the exit code says.
    func error(_ operation: String, _ object: String) -> SwiftletError {
        SwiftletError(
            exitCode == 126 || exitCode == 127 ? .failedPrecondition : .unknown, text, operation: operation,
            object: printable(object), errno: errno == 0 ? nil : errno)
    }
}

extension SwiftletError {
    static func unexpected(_ reply: ShimReply) -> SwiftletError {
        SwiftletError(
            .internal, "the shim gave an answer that does not fit the question: \(reply)", operation: "ask shim")
    }
}
