import JSON
import KubeAPI
import Logging

@testable import PodLoop

/// A pod as a manifest would give it, through the API's own checks and defaults.
func pod(_ spec: JSONValue, name: String = "web", uid: String = "u1", status: PodStatus? = nil) throws -> Pod {
    let manifest: JSONValue = [
        "apiVersion": "v1", "kind": "Pod", "metadata": ["name": .string(name), "namespace": "default"], "spec": spec,
    ]
    let admission = Admission(manifest, kind: "Pod")
    guard let tree = admission.object else { throw BrokenTest("\(admission.faults)") }
    var pod = try Pod(tree)
    pod.metadata.uid = uid
    pod.status = status
    return pod
}

struct BrokenTest: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// One app container `app`, and whatever else the spec says.
func simple(_ more: JSONValue = [:], policy: String = "Always", containers: [String] = ["app"]) throws -> Pod {
    var spec: JSONValue = [
        "containers": .array(containers.map { ["name": .string($0), "image": "busybox:1"] }),
        "restartPolicy": .string(policy),
    ]
    for (key, value) in more.object ?? [:] { spec[key] = value }
    return try pod(spec)
}

let epoch = Timestamp(seconds: 1_800_000_000)

func at(_ seconds: Int64) -> Timestamp { epoch + seconds }

func sandbox(_ id: String = "s0", attempt: UInt32 = 0, ready: Bool = true, at seconds: Int64 = 0) -> ObservedSandbox {
    ObservedSandbox(id: id, attempt: attempt, isReady: ready, createdAt: at(seconds))
}

func container(
    _ name: String, _ state: ObservedContainer.State, attempt: UInt32 = 0, sandbox: String = "s0", at seconds: Int64 = 0
) -> ObservedContainer {
    ObservedContainer(
        id: "\(name)-\(attempt)", name: name, attempt: attempt, sandboxID: sandbox, state: state,
        createdAt: at(seconds),
        image: "busybox:1", imageID: "sha256:1")
}

func exited(_ code: Int32, at seconds: Int64, reason: String? = nil) -> ObservedContainer.State {
    .exited(
        ContainerExit(
            code: code, reason: reason ?? (code == 0 ? "Completed" : "Error"), startedAt: at(seconds - 1),
            finishedAt: at(seconds)))
}

let running = ObservedContainer.State.running(startedAt: epoch)

let reconciler = Reconciler(hostAddresses: ["10.0.0.9"])

func plan(
    _ pod: Pod, _ sandboxes: [ObservedSandbox] = [], _ containers: [ObservedContainer] = [],
    memory: PodMemory = PodMemory(), now: Int64 = 0
) -> PodPlan {
    reconciler.plan(
        DesiredPod(pod), observed: ObservedPod(sandboxes: sandboxes, containers: containers), memory: memory,
        now: at(now))
}

func start(_ name: String, _ attempt: UInt32 = 0, in sandbox: String = "s0") -> PodAction {
    .startContainer(name: name, attempt: attempt, sandboxID: sandbox)
}

/// For parts of the loop by themselves, at a time that stands.
func context(
    _ runtime: FakeRuntime, _ cluster: FakeCluster, _ volumes: FakeVolumes, _ settings: NodeSettings = node
) -> LoopContext {
    let log = Logger(label: "test")
    return LoopContext(
        settings: settings, cluster: cluster, runtime: runtime, volumes: volumes,
        users: UserNamespaces(ids: .standard, volumes: volumes, runtime: runtime),
        ledger: NodeLedger(settings: settings, cluster: cluster, cgroups: nil, log: log), reconciler: reconciler,
        now: { epoch }, log: log)
}
