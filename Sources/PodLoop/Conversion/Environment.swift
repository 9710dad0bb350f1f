import Errors
import KubeAPI

/// The environment of a container and the `$(NAME)` references to it.
struct Environment {
    let pod: Pod
    let container: Container
    let node: NodeSettings
    /// Known once the sandbox is up; a pod without network has none.
    let podAddresses: [String]

    var sources = PodSources()

    /// In order, later ones win: first what envFrom brings, then env. Throws what Kubernetes shows under
    /// CreateContainerConfigError.
    func variables() throws(SwiftletError) -> [(name: String, value: String)] {
        var known: [String: String] = [:]
        var result: [(name: String, value: String)] = []
        func set(_ name: String, _ value: String) {
            if known.updateValue(value, forKey: name) != nil { result.removeAll { $0.name == name } }
            result.append((name, value))
        }
        for source in container.envFrom {
            for (key, value) in try all(of: source) { set((source.prefix ?? "") + key, value) }
        }
        for variable in container.env {
            if let value = try value(of: variable, known) { set(variable.name, value) }
        }
        return result
    }

    /// By key, sorted. Text only: a ConfigMap's binaryData is for volumes.
    private func all(of source: EnvFromSource) throws(SwiftletError) -> [(key: String, value: String)] {
        if let reference = source.configMapRef {
            guard let map = sources.configMaps[reference.name ?? ""] else {
                if reference.optional == true { return [] }
                throw missing("configmap", reference.name)
            }
            return map.data.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
        guard let reference = source.secretRef else { return [] }
        guard let secret = sources.secrets[reference.name ?? ""] else {
            if reference.optional == true { return [] }
            throw missing("secret", reference.name)
        }
        var pairs: [(key: String, value: String)] = []
        for (key, data) in secret.data.sorted(by: { $0.key < $1.key }) {
            pairs.append((key, try text(data.bytes, key, reference.name)))
        }
        return pairs
    }

    private func value(of variable: EnvVar, _ known: [String: String]) throws(SwiftletError) -> String? {
        guard let source = variable.valueFrom else { return expand(variable.value ?? "", known) }
        let fields = PodFields(pod: pod, node: node, podAddresses: podAddresses)
        if let field = source.fieldRef { return try fields.field(field.fieldPath) }
        if let resource = source.resourceFieldRef { return try fields.resource(resource, own: container.name) }
        if let selector = source.configMapKeyRef { return try configMapKey(selector) }
        if let selector = source.secretKeyRef { return try secretKey(selector) }
        return ""
    }

    private func configMapKey(_ selector: KeySelector) throws(SwiftletError) -> String? {
        let map = sources.configMaps[selector.name ?? ""]
        if let value = map?.data[selector.key] { return value }
        if selector.optional == true { return nil }
        if map == nil { throw missing("configmap", selector.name) }
        throw absent(selector, in: "ConfigMap")
    }

    private func secretKey(_ selector: KeySelector) throws(SwiftletError) -> String? {
        let secret = sources.secrets[selector.name ?? ""]
        if let data = secret?.data[selector.key] { return try text(data.bytes, selector.key, selector.name) }
        if selector.optional == true { return nil }
        if secret == nil { throw missing("secret", selector.name) }
        throw absent(selector, in: "Secret")
    }

    private func absent(_ selector: KeySelector, in kind: String) -> SwiftletError {
        SwiftletError(
            .notFound,
            "couldn't find key \(printable(selector.key)) in \(kind) \(pod.reference.namespace)/\(printable(selector.name ?? ""))"
        )
    }

    /// A variable ends at its first zero byte and is text to whoever reads the pod's status.
    private func text(_ bytes: [UInt8], _ key: String, _ name: String?) throws(SwiftletError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw SwiftletError(
                .invalidArgument,
                "key \(printable(key)) of Secret \(pod.reference.namespace)/\(printable(name ?? "")) holds bytes that no environment variable can have",
                hint: "mount it as a volume")
        }
        return text
    }
}

/// `$(NAME)` becomes the value of NAME where it is known and stays otherwise; `$$` is a dollar sign.
func expand(_ text: String, _ variables: [String: String]) -> String {
    var result = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
        result += rest[..<dollar]
        rest = rest[rest.index(after: dollar)...]
        switch rest.first {
        case "$":
            result += "$"
            rest = rest.dropFirst()
        case "(":
            guard let end = rest.firstIndex(of: ")") else {
                result += "$("
                rest = rest.dropFirst()
                continue
            }
            let name = String(rest[rest.index(after: rest.startIndex)..<end])
            result += variables[name] ?? "$(\(name))"
            rest = rest[rest.index(after: end)...]
        default: result += "$"
        }
    }
    return result + rest
}
