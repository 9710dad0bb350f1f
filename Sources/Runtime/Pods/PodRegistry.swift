import Errors
import Synchronization

/// Which pods and containers there are, by id, by a prefix of it that fits one alone, and by the client's key.
final class PodRegistry: Sendable {
    private struct State {
        var pods: [String: Pod] = [:]
        var creations: [SandboxKey: Creation] = [:]
    }

    /// A sandbox in the making or made, by its key.
    enum Creation: Sendable {
        case underWay(Task<String, any Error>)
        case made(String)
    }

    private let state = Mutex(State())

    var all: [Pod] { state.withLock { Array($0.pods.values) } }

    func insert(_ pod: Pod) {
        let key = SandboxKey(pod.view.sandbox.config.metadata)
        state.withLock { state in
            state.pods[pod.id] = pod
            state.creations[key] = .made(pod.id)
        }
    }

    func remove(_ pod: Pod) {
        let key = SandboxKey(pod.view.sandbox.config.metadata)
        state.withLock { state in
            state.pods[pod.id] = nil
            if case .made(pod.id) = state.creations[key] { state.creations[key] = nil }
        }
    }

    /// The creation of `key` that exists; otherwise `start` begins one.
    func creation(of key: SandboxKey, start: () -> Task<String, any Error>) -> Creation {
        state.withLock { state in
            if let known = state.creations[key] { return known }
            let creation = Creation.underWay(start())
            state.creations[key] = creation
            return creation
        }
    }

    /// A creation that failed: the next one may try again.
    func forget(_ key: SandboxKey) {
        state.withLock { state in
            if case .underWay = state.creations[key] { state.creations[key] = nil }
        }
    }

    func exactly(_ id: String) -> Pod? { state.withLock { $0.pods[id] } }

    /// nil when no id is or begins with `text`. Errors: `invalidArgument` when several do.
    func pod(_ text: String) throws(SwiftletError) -> Pod? {
        if let pod = state.withLock({ $0.pods[text] }) { return pod }
        return try only(all.filter { PodRegistry.matches($0.id, text) }, text, "sandbox")
    }

    func container(_ text: String) throws(SwiftletError) -> (pod: Pod, id: String)? {
        let pods = all
        if let pod = pods.first(where: { $0.view.containers[text] != nil }) { return (pod, text) }
        var found: [(pod: Pod, id: String)] = []
        for pod in pods {
            for id in pod.view.containers.keys where PodRegistry.matches(id, text) { found.append((pod, id)) }
        }
        return try only(found, text, "container")
    }

    static func matches(_ id: String, _ text: String) -> Bool { !text.isEmpty && id.hasPrefix(text) }

    private func only<Found>(_ found: [Found], _ text: String, _ kind: String) throws(SwiftletError) -> Found? {
        guard found.count <= 1 else {
            throw .invalid(
                "\(found.count) ids begin with it", object: "\(kind) \(printable(text))", hint: "give more of the id")
        }
        return found.first
    }
}
