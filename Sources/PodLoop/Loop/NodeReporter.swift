import CRI
import Errors
import KubeAPI

/// Keeps the node's object: what the machine has and whether pods can run on it.
struct NodeReporter: Sendable {
    let context: LoopContext

    /// Seconds between two looks, and between two writes when nothing changed.
    private static let period: Int64 = 10
    private static let heartbeat: Int64 = 300

    func run() async {
        var written: NodeStatus?
        while !Task.isCancelled {
            do {
                let status = await self.status(after: written)
                if let before = written {
                    if !isSame(before, status) {
                        try await context.cluster.updateNodeStatus(status, node: context.settings.name)
                        written = status
                    }
                } else {
                    try await context.cluster.register(node(status))
                    await record("Starting", "Starting kubelet.")
                    written = status
                }
            } catch {
                context.log.warning("report node: \(SwiftletError.wrapping(error))")
            }
            await pause(.seconds(Self.period))
        }
    }

    private func node(_ status: NodeStatus) -> Node {
        var node = Node(name: context.settings.name)
        node.metadata.labels = context.settings.labels
        node.status = status
        return node
    }

    private func isSame(_ before: NodeStatus, _ after: NodeStatus) -> Bool {
        guard let then = before.conditions.first?.lastHeartbeatTime,
            let now = after.conditions.first?.lastHeartbeatTime,
            now.timeInterval(since: then) < Double(Self.heartbeat)
        else { return false }
        var before = before
        for index in before.conditions.indices { before.conditions[index].lastHeartbeatTime = now }
        return before == after
    }

    private func status(after old: NodeStatus?) async -> NodeStatus {
        var status = NodeStatus()
        status.capacity = context.settings.capacity
        status.allocatable = context.settings.allocatable
        status.addresses =
            context.settings.addresses.map { NodeAddress(type: "InternalIP", address: $0) }
            + [NodeAddress(type: "Hostname", address: context.settings.name)]
        var info = context.settings.systemInfo
        info.containerRuntimeVersion = await runtimeVersion() ?? old?.nodeInfo?.containerRuntimeVersion ?? ""
        status.nodeInfo = info
        status.images = await images() ?? old?.images ?? []
        let now = context.now().truncated
        let pressure = context.pressure.conditions
        status.conditions = PressureCondition.allCases.map { $0.nodeCondition(pressure.contains($0)) } + [await ready()]
        for index in status.conditions.indices {
            let before = old?.condition(status.conditions[index].type)
            status.conditions[index].lastHeartbeatTime = now
            status.conditions[index].lastTransitionTime =
                before?.status == status.conditions[index].status ? before?.lastTransitionTime : now
        }
        return status
    }

    private func ready() async -> NodeCondition {
        let answer: CRIStatusResponse
        do { answer = try await context.runtime.status(CRIStatusRequest()) } catch {
            let reason = SwiftletError.wrapping(error).description
            return notReady("container runtime status check failed: \(reason)")
        }
        return ready(answer.status.conditions)
    }

    /// RuntimeReady and NetworkReady must be true; what else is false is told and does no harm.
    func ready(_ conditions: [CRIRuntimeCondition]) -> NodeCondition {
        let needed = ["RuntimeReady", "NetworkReady"]
        var faults: [String] = []
        for type in needed {
            guard let condition = conditions.first(where: { $0.type == type }) else {
                faults.append("\(type) is unknown")
                continue
            }
            if !condition.status { faults.append("\(type)=false reason:\(condition.reason) \(condition.message)") }
        }
        guard faults.isEmpty else { return notReady(faults.joined(separator: "; ")) }
        let lacks = conditions.filter { !$0.status && !needed.contains($0.type) }
            .map { $0.message.isEmpty ? $0.type : $0.message }
        let message = (["kubelet is posting ready status"] + lacks).joined(separator: "; ")
        return NodeCondition(type: "Ready", status: .true, reason: "KubeletReady", message: message)
    }

    private func notReady(_ message: String) -> NodeCondition {
        NodeCondition(type: "Ready", status: .false, reason: "KubeletNotReady", message: message)
    }

    private func runtimeVersion() async -> String? {
        // The Ready condition tells that the runtime does not answer.
        guard let version = try? await context.runtime.version(CRIVersionRequest()) else { return nil }
        return "\(version.runtimeName)://\(version.runtimeVersion)"
    }

    private func images() async -> [ContainerImage]? {
        guard let images = try? await context.runtime.listImages(CRIListImagesRequest()).images else { return nil }
        return images.map {
            ContainerImage(names: $0.repoDigests + $0.repoTags, sizeBytes: Int64(clamping: $0.size))
        }.filter { !$0.names.isEmpty }.sorted { ($0.sizeBytes ?? 0) > ($1.sizeBytes ?? 0) }.prefix(50).map { $0 }
    }

    private func record(_ reason: String, _ message: String) async {
        let name = context.settings.name
        let node = ObjectReference(kind: "Node", name: name, uid: name)
        await context.record(EventRecord(.normal, object: node, reason: reason, message: message))
    }
}
