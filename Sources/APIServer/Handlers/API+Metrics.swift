import CRI
import Errors
import JSON
import KubeAPI
import NIOHTTP1

extension API {
    /// `/apis/metrics.k8s.io/v1beta1/…`: what pods and the node use, from the runtime's stats.
    func metrics(_ path: [String], _ request: Request, _ responder: Responder) async throws {
        guard request.head.method == .GET else { throw APIFailure.methodNotAllowed() }
        _ = try request.accepted
        switch (path.first, path.count) {
        case ("nodes", 1):
            try await responder.send(json: metricsList("NodeMetricsList", [try await nodeMetrics()]))
        case ("nodes", 2):
            let key = ObjectKey(resource: .nodes, namespace: "", name: path[1])
            guard path[1] == objects.nodeName else { throw APIFailure.notFound(key) }
            try await responder.send(json: try await nodeMetrics())
        case ("pods", 1): try await responder.send(json: try await podMetrics(namespace: nil, request))
        case ("namespaces", 3) where path[2] == "pods":
            try await responder.send(json: try await podMetrics(namespace: path[1], request))
        case ("namespaces", 4) where path[2] == "pods":
            let key = ObjectKey(resource: .pods, namespace: path[1], name: path[3])
            let pod = try await objects.get(key)
            let samples = try await usage.sample(runtime)
            guard let metrics = podMetrics(pod, samples) else { throw APIFailure.notFound(key) }
            try await responder.send(json: metrics)
        default: throw APIFailure.noSuchPath()
        }
    }

    private func metricsList(_ kind: String, _ items: [JSONValue]) -> JSONValue {
        ["kind": .string(kind), "apiVersion": "metrics.k8s.io/v1beta1", "metadata": [:], "items": .array(items)]
    }

    private func podMetrics(namespace: String?, _ request: Request) async throws -> JSONValue {
        let selection = try Selection(request, .pods)
        let samples = try await usage.sample(runtime)
        let pods = try await objects.store.snapshot(.pods, namespace: namespace).objects.filter(selection.matches)
        return metricsList("PodMetricsList", pods.compactMap { podMetrics($0, samples) })
    }

    /// nil when the pod runs nothing.
    private func podMetrics(_ pod: JSONValue, _ samples: [UsageSampler.PodUsage]) -> JSONValue? {
        guard let usage = samples.first(where: { $0.uid == pod.uid }), !usage.containers.isEmpty else { return nil }
        var metadata: JSONValue = [
            "name": .string(pod.name), "namespace": pod.metadata["namespace"] ?? "",
            "creationTimestamp": .string(objects.now().rfc3339),
        ]
        if let labels = pod.metadata["labels"] { metadata["labels"] = labels }
        return [
            "kind": "PodMetrics", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": metadata,
            "timestamp": .string(usage.time.rfc3339), "window": .string(usage.windowText),
            "containers": .array(
                usage.containers.map {
                    ["name": .string($0.name), "usage": Self.amounts($0.nanoCores, $0.memoryBytes)]
                }),
        ]
    }

    /// The sum of what pods use: the machine's own processes are not the runtime's to count.
    private func nodeMetrics() async throws -> JSONValue {
        let samples = try await usage.sample(runtime)
        let time = samples.map(\.time).max() ?? objects.now()
        return [
            "kind": "NodeMetrics", "apiVersion": "metrics.k8s.io/v1beta1",
            "metadata": ["name": .string(objects.nodeName), "creationTimestamp": .string(objects.now().rfc3339)],
            "timestamp": .string(time.rfc3339), "window": .string(samples.first?.windowText ?? "0s"),
            "usage": Self.amounts(samples.map(\.nanoCores).reduce(0, +), samples.map(\.memoryBytes).reduce(0, +)),
        ]
    }

    private static func amounts(_ nanoCores: Int64, _ bytes: Int64) -> JSONValue {
        [
            "cpu": .string(Quantity(nano: nanoCores).description),
            "memory": .string("\(bytes / 1024)Ki"),
        ]
    }
}
