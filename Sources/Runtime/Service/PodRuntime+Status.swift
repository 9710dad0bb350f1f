import CRI
import Errors
import ImageStore
import JSON
import LinuxSystem
import PodNetwork

extension PodRuntime: RuntimeService {
    /// Of the program; shown by Version.
    public static let release = "0.1.0"

    public func version(_ request: CRIVersionRequest) async throws -> CRIVersionResponse {
        .with {
            $0.version = "0.1.0"  // of the kubelet's runtime API, as every runtime answers
            $0.runtimeName = "swiftlet"
            $0.runtimeVersion = PodRuntime.release
            $0.runtimeApiVersion = "v1"
        }
    }

    public func runtimeConfig(_ request: CRIRuntimeConfigRequest) async throws -> CRIRuntimeConfigResponse {
        .with { $0.linux.cgroupDriver = .cgroupfs }
    }

    public func updateRuntimeConfig(
        _ request: CRIUpdateRuntimeConfigRequest
    ) async throws -> CRIUpdateRuntimeConfigResponse {
        let ranges = request.runtimeConfig.networkConfig.podCidr
        if !ranges.isEmpty {
            let network = context.network
            try await context.threads.run { try network.setPodRanges(ranges) }
        }
        return CRIUpdateRuntimeConfigResponse()
    }

    public func status(_ request: CRIStatusRequest) async throws -> CRIStatusResponse {
        let missing = missingControllers()
        // CNI plugins are asked, which may take its time.
        let network = try await context.threads.run { [context] in context.network.condition() }
        return .with {
            $0.status.conditions = [
                condition("RuntimeReady", true), condition(network),
                // Informational: what containers here cannot be limited by, and whether their roots are cheap.
                condition(
                    "CgroupControllersComplete", missing.isEmpty, reason: "ControllersMissing",
                    message: "\(context.hierarchy.mountPoint) does not offer: \(missing.joined(separator: " "))"),
                condition(
                    "OverlayAvailable", context.images.snapshotter.kind == .overlay, reason: "RootsAreCopied",
                    message: context.images.snapshotter.reason),
                condition(
                    "DeviceFilterAvailable", context.unfilteredDevices == nil, reason: "NoDeviceFilter",
                    message: context.unfilteredDevices ?? ""),
            ]
            $0.runtimeHandlers = [
                .with {
                    $0.name = ""
                    $0.features.recursiveReadOnlyMounts = true
                    $0.features.userNamespaces = context.images.snapshotter.mapsOwners.works
                }
            ]
            $0.features.supplementalGroupsPolicy = true
            $0.features.mountOptions = true
            if request.verbose { $0.info = ["config": info(missing)] }
        }
    }

    private func missingControllers() -> [String] {
        ["cpu", "cpuset", "hugetlb", "io", "memory", "pids"].filter { !context.hierarchy.controllers.contains($0) }
    }

    private func condition(_ type: String, _ status: Bool, reason: String = "", message: String = "")
        -> CRIRuntimeCondition
    {
        .with {
            $0.type = type
            $0.status = status
            $0.reason = status ? "" : reason
            $0.message = status ? "" : message
        }
    }

    private func condition(_ network: NetworkCondition) -> CRIRuntimeCondition {
        switch network {
        case .ready: condition("NetworkReady", true)
        case .notReady(let reason, let message):
            condition("NetworkReady", false, reason: reason, message: message)
        }
    }

    private func info(_ missing: [String]) -> String {
        let snapshotter = context.images.snapshotter
        let controllers = context.hierarchy.controllers.sorted().map { JSONValue.string($0) }
        return JSONValue.object([
            "cgroup": .object([
                "mountPoint": .string(context.hierarchy.mountPoint), "base": .string(context.base.path),
                "controllers": .array(controllers), "missing": .array(missing.map { .string($0) }),
            ]),
            "rootFilesystems": .object([
                "kind": .string(snapshotter.kind.rawValue), "reason": .string(snapshotter.reason),
                "sharesData": PodRuntime.json(snapshotter.sharesData),
                "mapsOwners": PodRuntime.json(snapshotter.mapsOwners),
            ]),
            "network": .string(context.network.name), "kernel": .string(DaemonFacts.kernelRelease()),
            "root": .string(context.configuration.root), "run": .string(context.configuration.run),
            "version": .string(PodRuntime.release),
        ]).text()
    }

    private static func json(_ ability: SnapshotterReport.Ability) -> JSONValue {
        ["works": .bool(ability.works), "reason": .string(ability.reason)]
    }
}
