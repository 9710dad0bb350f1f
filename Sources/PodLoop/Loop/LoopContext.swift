import CRI
import Errors
import KubeAPI
import Logging

/// What every part of the loop works with.
struct LoopContext: Sendable {
    let settings: NodeSettings
    let cluster: any ClusterAPI
    let runtime: any RuntimeService & ImageService
    let volumes: any VolumeManager
    let users: UserNamespaces
    let ledger: NodeLedger
    let reconciler: Reconciler
    let now: @Sendable () -> Timestamp
    let log: Logger
    var pressure = NodePressure()

    /// An event that cannot be kept is no reason to stop; it is in the log.
    func record(_ event: EventRecord) async {
        do { try await cluster.record(event) } catch {
            log.warning("event lost: \(event.reason): \(event.message): \(SwiftletError.wrapping(error))")
        }
    }

    func record(_ event: PlannedEvent, pod: Pod) async {
        await record(
            EventRecord(
                event.type, object: reference(to: pod, container: event.container), reason: event.reason,
                message: event.message))
    }

    private func reference(to pod: Pod, container: String?) -> ObjectReference {
        var path: String?
        if let container {
            let isInit = pod.spec.initContainers.contains { $0.name == container }
            path = "spec.\(isInit ? "initContainers" : "containers"){\(container)}"
        }
        let pod = pod.reference
        return ObjectReference(
            kind: "Pod", namespace: pod.namespace, name: pod.name, uid: pod.uid, fieldPath: path)
    }
}
