import CLinux
import Cgroups
import Errors
import Glibc
import KubeAPI
import LinuxSystem
import PodLoop
import PodNetwork
import Runtime

/// What this machine is, read once when the daemon starts.
struct NodeFacts {
    let root: String
    /// The pods' bridge: its addresses are no way to reach the node.
    let bridge: String?

    func settings(name: String, options: DaemonOptions) throws -> NodeSettings {
        var capacity = try capacity()
        capacity["pods"] = Quantity(options.maxPods)
        let reserved = try options.reserved()
        let eviction = try options.housekeeping.eviction()
        let resolver = options.resolver
        var settings = NodeSettings(
            name: name, addresses: addresses(), capacity: capacity,
            allocatable: try allocatable(of: capacity, reserved: reserved + [eviction.reservation(of: capacity)]),
            systemInfo: systemInfo(),
            logDirectory: options.root + "/logs",
            resolver: { () throws(SwiftletError) in
                .init(resolvConf: String(decoding: try resolver.read(), as: UTF8.self))
            },
            seccompProfileDirectory: options.root + "/seccomp", admission: admission(options),
            checkSeccompProfile: { path in try await onOwnThread { try Runtime.checkSeccompProfile(at: path) } })
        settings.logLimits = try options.housekeeping.logLimits()
        settings.eviction = eviction
        settings.imageCollection = try options.housekeeping.imageCollection()
        settings.deadContainersKept = options.housekeeping.deadContainers
        let ids = try options.userIDs.map { text throws(SwiftletError) in try UserIDs(parsing: text) }
        settings.userIDs = try ids ?? UserIDs(subuid: text("/etc/subuid"), subgid: text("/etc/subgid")) ?? .standard
        settings.bounds = try bounds(options, capacity, reserved)
        return settings
    }

    private func bounds(
        _ options: DaemonOptions, _ capacity: [String: Quantity], _ reserved: [[String: Quantity]]
    ) throws -> NodeBounds {
        var bounds = NodeBounds()
        let kept = reserved.compactMap { $0["memory"] }.reduce(Quantity(0), +)
        if !kept.isZero, let memory = capacity["memory"] { bounds.memory = (memory - kept).value }
        if try CgroupHierarchy.discover().controllers.contains("hugetlb") {
            bounds.hugePageSizes = capacity.keys.filter { $0.hasPrefix("hugepages-") }
                .map { String($0.dropFirst("hugepages-".count)) }.sorted()
        }
        return bounds
    }

    /// Sizes that the kernel knows, with what is set aside of each.
    private func hugePages() -> [String: Quantity] {
        var found: [String: Quantity] = [:]
        for name in names(in: "/sys/kernel/mm/hugepages") {
            guard let kibibytes = Int64(name.dropFirst("hugepages-".count).dropLast("kB".count)),
                let pages = Int64(line("/sys/kernel/mm/hugepages/\(name)/nr_hugepages"))
            else { continue }
            found["hugepages-\(Quantity(bytes: kibibytes << 10))"] = Quantity(bytes: pages * kibibytes << 10)
        }
        return found
    }

    private func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    private func admission(_ options: DaemonOptions) -> NodeAdmission {
        NodeAdmission(
            allowedUnsafeSysctls: options.allowedUnsafeSysctls,
            hasAppArmor: line("/sys/module/apparmor/parameters/enabled") == "Y",
            hasSELinux: access("/sys/fs/selinux/enforce", F_OK) == 0)
    }

    private func capacity() throws -> [String: Quantity] {
        var disk = statvfs()
        try check(statvfs(root, &disk), "statvfs", root)
        let memory = text("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
        let kibibytes = memory?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int64($0) } ?? 0
        return [
            "cpu": Quantity(Int64(sysconf(Int32(_SC_NPROCESSORS_ONLN)))), "memory": Quantity(bytes: kibibytes << 10),
            "ephemeral-storage": Quantity(bytes: Int64(disk.f_blocks) * Int64(disk.f_frsize)),
        ].merging(hugePages()) { $1 }
    }

    private func systemInfo() -> NodeSystemInfo {
        var name = utsname()
        uname(&name)
        var info = NodeSystemInfo()
        info.machineID = line("/etc/machine-id")
        info.systemUUID = line("/sys/class/dmi/id/product_uuid")
        info.bootID = line("/proc/sys/kernel/random/boot_id")
        info.kernelVersion = withUnsafeBytes(of: &name.release) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        info.osImage = osName()
        info.kubeletVersion = "v" + swiftletVersion
        info.operatingSystem = "linux"
        #if arch(x86_64)
            info.architecture = "amd64"
        #elseif arch(arm64)
            info.architecture = "arm64"
        #endif
        return info
    }

    private func osName() -> String {
        let line = text("/etc/os-release").split(separator: "\n").first { $0.hasPrefix("PRETTY_NAME=") }
        return line.map { $0.dropFirst("PRETTY_NAME=".count).filter { $0 != "\"" } } ?? "Linux"
    }

    /// The machine's own addresses but loopback and link-local ones, IPv4 first; 127.0.0.1 where there are none.
    private func addresses() -> [String] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return ["127.0.0.1"] }
        defer { freeifaddrs(list) }
        var found: [String] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = entry.ifa_addr, entry.ifa_flags & UInt32(IFF_UP) != 0,
                entry.ifa_flags & UInt32(IFF_LOOPBACK) == 0, bridge != String(cString: entry.ifa_name)
            else { continue }
            let family = Int32(address.pointee.sa_family)
            guard family == AF_INET || family == AF_INET6 else { continue }
            let size = family == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
            var text = [CChar](repeating: 0, count: 64)
            guard getnameinfo(address, socklen_t(size), &text, 64, nil, 0, NI_NUMERICHOST) == 0 else { continue }
            let name = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if !name.hasPrefix("fe80:") { found.append(name) }
        }
        let sorted = found.filter { !$0.contains(":") } + found.filter { $0.contains(":") }
        return sorted.isEmpty ? ["127.0.0.1"] : sorted
    }

    /// Empty when there is no such file: each is a courtesy of some systems.
    private func text(_ path: String) -> String {
        guard let file = try? openFile(path, O_RDONLY), let bytes = try? readAll(file.raw) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func line(_ path: String) -> String { text(path).split(separator: "\n").first.map(String.init) ?? "" }
}
