import ArgumentParser
import Errors
import Glibc
import ImageStore
import KubeAPI
import Logging
import PodLoop
import PodNetwork

/// The daemon's flags.
struct DaemonOptions: ParsableArguments {
    @Option(help: "Where images, volumes, logs and API objects live.", completion: .directory)
    var root = "/var/lib/swiftlet"

    @Option(help: "Where sockets and the records of running pods live; a tmpfs is best.", completion: .directory)
    var run = "/run/swiftlet"

    @Option(help: "Run the pods of the manifests in this folder, and follow its changes.", completion: .directory)
    var manifests: String?

    @Option(help: "Load the image archives in this folder at start.", completion: .directory)
    var images: String?

    @Option(
        name: .customLong("image-limit"),
        help: ArgumentHelp(
            "What an image archive may ask for before it is refused; may be given again.",
            discussion: "Known, with defaults: \(ImageLimits.limitNames.joined(separator: ", ")).",
            valueName: "name=value"))
    var imageLimitTexts: [String] = []

    @Option(
        name: .customLong("image-deny"),
        help: ArgumentHelp(
            "Refuse images that hold such files: \(ImageDenials.names.joined(separator: ", ")).", valueName: "kind,…"))
    var imageDenyTexts: [String] = []

    @Option(
        name: .customLong("cgroup-root"),
        help:
            "The cgroup that holds all pods, below the cgroup v2 mount. Default: swiftlet, or one of its own for another --run."
    )
    var cgroupRoot: String?

    @Option(
        name: .customLong("pod-cidr"),
        help: ArgumentHelp(
            "The ranges pods get their addresses from: one of IPv4, one of IPv6, or one alone; none for loopback only.",
            discussion: "Default: 10.85.0.0/16,fd00:85::/64, as far as the kernel has the families."))
    var podCIDR: String?

    @Option(help: "The bridge pods are on. Default: swiftlet0, or one of its own for another --run.")
    var bridge: String?

    @Option(
        name: .customLong("resolv-conf"),
        help: ArgumentHelp(
            "The resolv.conf pods get, read for each pod.",
            discussion:
                "Default: /etc/resolv.conf, or where that names a server on loopback only, systemd-resolved's list of its own.",
            valueName: "file"),
        completion: .file())
    var resolvConf: String?

    @Option(
        name: .customLong("cni-conf-dir"),
        help: ArgumentHelp(
            "Leave pods' network to CNI plugins: the first network configuration by name in this folder.",
            discussion:
                "Files named *.conflist, *.conf and *.json, read anew for each pod. In place of --pod-cidr and --bridge.",
            valueName: "folder"), completion: .directory)
    var cniConfigurations: String?

    @Option(
        name: .customLong("cni-bin-dir"),
        help: ArgumentHelp(
            "The folders of CNI plugins' programs, separated by colons. Default: \(CNISettings.standardPrograms).",
            valueName: "folder:…"))
    var cniPrograms: String?

    @Option(
        name: .customLong("cni-timeout"),
        help: ArgumentHelp(
            "How long one run of a CNI plugin may take. Default: \(CNISettings.standardTimeLimit).",
            valueName: "seconds"))
    var cniTimeout: Int?

    @Option(
        name: .customLong("userns-ids"),
        help: ArgumentHelp(
            "The machine's ids that pods with hostUsers: false get, 65536 each.",
            discussion: "Default: what /etc/subuid and /etc/subgid give to user kubelet, or 65536:67108864.",
            valueName: "first:count"))
    var userIDs: String?

    @OptionGroup(title: "Disks and memory that fill up")
    var housekeeping: HousekeepingOptions

    @Option(name: .customLong("node-name"), help: "This node's name in the API. Default: the host name.")
    var nodeName: String?

    @Option(
        name: .customLong("allowed-unsafe-sysctls"), parsing: .singleValue,
        help: ArgumentHelp(
            "Let pods set these sysctls of their namespaces besides the safe ones; may be given again.",
            valueName: "name or prefix*"))
    var allowedUnsafeSysctls: [String] = []

    @Option(
        name: .customLong("system-reserved"),
        help: ArgumentHelp(
            "What of the machine is kept for the system: pods get the rest.", valueName: "cpu=…,memory=…"))
    var systemReserved = ""

    @Option(
        name: .customLong("kube-reserved"),
        help: ArgumentHelp("What of the machine is kept for this daemon and its shims.", valueName: "cpu=…,memory=…"))
    var kubeReserved = ""

    @Option(name: .customLong("max-pods"), help: "How many pods the node takes.")
    var maxPods: Int64 = 110

    @Option(
        name: .customLong("pod-max-pids"),
        help: ArgumentHelp(
            "How many processes and threads a pod may have together; -1 for any number.",
            discussion: "Where cgroup v2 has no pids controller there is no limit.", valueName: "number"))
    var podMaxPIDs: Int64 = 4096

    @Option(
        help:
            "How root filesystems are made of images: overlay mounts, a copy for each container, or auto: overlay where it works."
    )
    var snapshotter = SnapshotterReport.Choice.auto

    @Option(help: "The swiftlet-shim program. Default: beside this one.", completion: .file())
    var shim: String?

    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning or error.")
    var logLevel = Logger.Level.info

    /// nil for pods without CNI.
    var cniSettings: CNISettings? {
        get throws {
            try cniConfigurations.map {
                try CNISettings(
                    root: root, run: run, configurations: $0, programs: cniPrograms ?? CNISettings.standardPrograms,
                    timeLimitSeconds: cniTimeout ?? CNISettings.standardTimeLimit)
            }
        }
    }

    /// nil for pods with loopback or CNI only.
    var bridgeSettings: BridgeSettings? {
        get throws {
            podCIDR == "none" || cniConfigurations != nil
                ? nil : try BridgeSettings(run: run, bridge: bridge, ranges: podCIDR)
        }
    }

    var resolver: HostResolver { HostResolver(path: resolvConf) }

    func validate() throws {
        for (option, path) in [("--root", root), ("--run", run)] where !path.hasPrefix("/") {
            throw ValidationError("\(option) must be an absolute path, not \"\(path)\"")
        }
        guard podMaxPIDs == -1 || podMaxPIDs > 0 else {
            throw ValidationError("--pod-max-pids must be a positive number, or -1 for no limit, not \(podMaxPIDs)")
        }
        if let resolvConf, !resolvConf.hasPrefix("/") {
            throw ValidationError("--resolv-conf must be an absolute path, not \"\(resolvConf)\"")
        }
        guard maxPods >= 0 else { throw ValidationError("--max-pods must be 0 or more, not \(maxPods)") }
        do {
            _ = try reserved()
            _ = try imageLimits()
            _ = try cniSettings
            _ = try userIDs.map { text throws(SwiftletError) in
                do throws(SwiftletError) { return try UserIDs(parsing: text) } catch {
                    throw error.during("--userns-ids")
                }
            }
        } catch { throw ValidationError("\(error)") }
        if cniConfigurations != nil, podCIDR != nil || bridge != nil {
            throw ValidationError(
                "--pod-cidr and --bridge are of the built-in network, and --cni-conf-dir is instead of it")
        }
        if cniConfigurations == nil, cniPrograms != nil || cniTimeout != nil {
            throw ValidationError("--cni-bin-dir and --cni-timeout go with --cni-conf-dir, which says what to run")
        }
        // Every socket in it must fit the 107 bytes of sockaddr_un: the longest is sandboxes/<64>/shim.sock, which is reached by
        // descriptor; the plain ones are short.
        if run.utf8.count > 90 { throw ValidationError("--run is too long for the sockets in it: at most 90 bytes") }
    }

    /// For the system and for the daemon. Errors: `invalidArgument`, naming the flag.
    func reserved() throws(SwiftletError) -> [[String: Quantity]] {
        var lists: [[String: Quantity]] = []
        for (flag, text) in [("--system-reserved", systemReserved), ("--kube-reserved", kubeReserved)] {
            do throws(SwiftletError) { lists.append(try reservation(text)) } catch { throw error.during(flag) }
        }
        return lists
    }

    /// Errors: `invalidArgument`, naming the flag.
    func imageLimits() throws(SwiftletError) -> ImageLimits {
        var limits = ImageLimits()
        do throws(SwiftletError) { for text in imageLimitTexts { try limits.set(text) } } catch {
            throw error.during("--image-limit")
        }
        do throws(SwiftletError) {
            for text in imageDenyTexts { limits.denied.formUnion(try ImageDenials(parsing: text)) }
        } catch { throw error.during("--image-deny") }
        return limits
    }

    /// The host's name as a DNS name, which a node's name must be.
    var resolvedNodeName: String {
        if let nodeName { return nodeName }
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).lowercased()
        let fitting = name.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == ".") }
        let trimmed = fitting.drop { $0 == "-" || $0 == "." }
        return trimmed.isEmpty ? "localhost" : String(trimmed)
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}

extension SnapshotterReport.Choice: ExpressibleByArgument {}
