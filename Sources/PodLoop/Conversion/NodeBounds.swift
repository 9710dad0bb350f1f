import CRI
import Errors
import KubeAPI

/// What the node keeps pods within besides what they ask for.
public struct NodeBounds: Sendable, Equatable {
    /// Sizes of huge pages that this machine has and can limit, in Kubernetes' spelling: a pod gets those it asks for only.
    public var hugePageSizes: [String] = []
    /// Bytes of memory that all pods together may have; nil where nothing is reserved for others.
    public var memory: Int64?

    public init() {}
}

/// Capacity and what of it pods may have: the rest is reserved for the system and the daemon.
///
/// Memory in huge pages is no ordinary memory.
public func allocatable(
    of capacity: [String: Quantity], reserved: [[String: Quantity]]
) throws(SwiftletError) -> [String: Quantity] {
    var left = capacity
    for (name, amount) in capacity where name.hasPrefix("hugepages-") {
        left["memory"] = left["memory"].map { $0 - amount }
    }
    for list in reserved {
        for (name, amount) in list {
            guard let has = left[name], !has.isZero else {
                throw .invalid(
                    "\(printable(name)) cannot be reserved", hint: "use cpu, memory and ephemeral-storage")
            }
            guard amount <= has else {
                throw .invalid("\(amount) of \(name) is more than this machine has, \(has)", hint: "reserve less")
            }
            left[name] = has - amount
        }
    }
    return left
}

/// `cpu=500m,memory=1Gi`.
public func reservation(_ text: String) throws(SwiftletError) -> [String: Quantity] {
    var amounts: [String: Quantity] = [:]
    for part in text.split(separator: ",") {
        let words = part.split(separator: "=", maxSplits: 1).map(String.init)
        guard words.count == 2, ["cpu", "memory", "ephemeral-storage"].contains(words[0]) else {
            throw .invalid(
                "\"\(printable(String(part)))\" is not NAME=AMOUNT of cpu, memory or ephemeral-storage",
                hint: "as in cpu=500m,memory=1Gi")
        }
        do {
            let amount = try Quantity(words[1])
            guard !amount.isNegative else { throw SwiftletError.invalid("\(words[1]) is negative") }
            amounts[words[0]] = amount
        } catch { throw SwiftletError.wrapping(error).during("", words[0]) }
    }
    return amounts
}

/// A cgroup above those of pods.
public struct CgroupShare: Sendable, Equatable {
    /// Below the daemon's own.
    public var path: String
    /// On the v1 scale, as CRI has them.
    public var cpuShares: Int64
    /// Bytes; nil for no limit.
    public var memory: Int64?

    public init(path: String, cpuShares: Int64, memory: Int64? = nil) {
        self.path = path
        self.cpuShares = cpuShares
        self.memory = memory
    }
}

/// The groups of QoS classes: all pods weigh what the node may give them, burstable ones what they ask for together, those
/// that ask for nothing as little as can be.
func qosGroups(of pods: [Pod], _ node: NodeSettings) -> [CgroupShare] {
    let burstable = pods.filter { qosClass(of: $0) == .burstable }
        .compactMap { $0.spec.totalRequests["cpu"] }.reduce(Quantity(0), +)
    return [
        CgroupShare(
            path: "kubepods", cpuShares: cpuShares(milli: node.allocatable["cpu"]?.milliValue ?? 0),
            memory: node.bounds.memory),
        CgroupShare(path: "kubepods/burstable", cpuShares: cpuShares(milli: burstable.milliValue)),
        CgroupShare(path: "kubepods/besteffort", cpuShares: cpuShares(milli: 0)),
    ]
}

/// Sets the cgroups above the pods' own, which CRI has no call for: a kubelet does it itself.
public protocol CgroupManager: Sendable {
    /// Makes those that are missing. What the machine has no controller for is left out, a memory limit excepted.
    func set(_ groups: [CgroupShare]) async throws
}
