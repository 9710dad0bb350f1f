import APIClient
import Errors
import JSON
import KubeAPI

/// Which container a verb means when none is named: the annotated one, or the first.
enum DefaultContainer {
    static let annotation = "kubectl.kubernetes.io/default-container"

    /// Says so on standard error when there were others to choose from, as kubectl does.
    static func choose(of object: JSONValue) throws -> String? {
        let pod = try Pod(object)
        let names = pod.spec.containers.map(\.name)
        if let chosen = pod.metadata.annotations[annotation] {
            let all = names + pod.spec.initContainers.map(\.name)
            guard all.contains(chosen) else {
                throw SwiftletError.invalid(
                    "annotation \(annotation) names container \"\(printable(chosen))\", which it does not have",
                    object: "pod \(printable(pod.metadata.name ?? ""))", hint: "name one with -c")
            }
            return chosen
        }
        let others = pod.spec.initContainers.map { "\($0.name) (init)" }
        if names.count + others.count > 1, let first = names.first {
            Console.error("Defaulted container \"\(first)\" out of: \((names + others).joined(separator: ", "))")
        }
        return names.first
    }

    static func choose(api: APIClient, namespace: String, pod: String) async throws -> String? {
        try choose(of: try await api.send(.init(.GET, APIPath.core("pods", namespace: namespace, name: pod))).json())
    }
}
