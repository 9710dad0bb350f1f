import Errors
import KubeAPI
import Logging

/// Which pods the node has taken, one decision at a time, and the weight of their classes that follows from it.
actor NodeLedger {
    private let settings: NodeSettings
    private let cluster: any ClusterAPI
    private let cgroups: (any CgroupManager)?
    private let log: Logger
    private var room: NodeRoom
    private var pods: [String: Pod] = [:]
    private var groups: [CgroupShare] = []
    private var isSetting = false
    /// Called when something was given back.
    private var listener: (@Sendable () async -> Void)?

    init(settings: NodeSettings, cluster: any ClusterAPI, cgroups: (any CgroupManager)?, log: Logger) {
        self.settings = settings
        self.cluster = cluster
        self.cgroups = cgroups
        self.log = log
        room = NodeRoom(node: settings.name, allocatable: settings.allocatable)
    }

    func onRoom(_ listener: @escaping @Sendable () async -> Void) { self.listener = listener }

    /// Takes a pod that was taken before, whether there is room or not: what runs, runs on.
    func keep(_ pod: Pod) async {
        room.take(pod)
        pods[pod.reference.uid] = pod
        await setGroups()
    }

    /// Takes a pod if there is room; why not otherwise. Throws when the API does not answer.
    func admit(_ pod: Pod) async throws -> NodeAdmission.Refusal? {
        let labels = try await cluster.nodeLabels(settings.name).merging(settings.labels) { theirs, _ in theirs }
        if let refusal = settings.admission.refusal(of: pod) ?? room.refusal(of: pod, labels: labels) {
            return refusal
        }
        await keep(pod)
        return nil
    }

    /// Gives a pod what it asks for now in place of what it has; why not otherwise.
    func resize(_ pod: Pod) async -> PendingResize? {
        if let why = room.impossibility(of: pod) { return PendingResize(.infeasible, why) }
        if let lack = room.lack(for: pod) { return PendingResize(.deferred, lack.message) }
        await keep(pod)
        return nil
    }

    /// Nothing of the pod runs or will run.
    func release(_ uid: String) async {
        guard room.giveBack(uid) else { return }
        pods[uid] = nil
        await setGroups()
        await listener?()
    }

    /// One at a time: what is wanted may change while it is being set.
    private func setGroups() async {
        guard let cgroups, !isSetting else { return }
        isSetting = true
        defer { isSetting = false }
        while true {
            let wanted = qosGroups(of: Array(pods.values), settings)
            guard wanted != groups else { return }
            do { try await cgroups.set(wanted) } catch {
                log.warning("set the cgroups of QoS classes: \(SwiftletError.wrapping(error))")
            }
            groups = wanted
        }
    }
}
