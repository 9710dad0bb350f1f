import Errors
import KubeAPI

/// The environment of a container and the `$(NAME)` references to it.
struct Environment {
    let pod: Pod
    let container: Container
    let node: NodeSettings
    /// Known once the sandbox is up; a pod without network has none.
    let podAddresses: [String]

    /// In order, later ones win. Throws `invalidArgument` for a reference that leads nowhere, in the words that Kubernetes
    /// shows under CreateContainerConfigError.
    func variables() throws(SwiftletError) -> [(name: String, value: String)] {
        try refuseMissingSources()
        var known: [String: String] = [:]
        var result: [(name: String, value: String)] = []
        for variable in container.env {
            guard let value = try value(of: variable, known) else { continue }
            known[variable.name] = value
            result.removeAll { $0.name == variable.name }
            result.append((variable.name, value))
        }
        return result
    }

    private func refuseMissingSources() throws(SwiftletError) {
        for source in container.envFrom {
            if let map = source.configMapRef, map.optional != true {
                throw missing("configmap", map.name)
            }
            if let secret = source.secretRef, secret.optional != true { throw missing("secret", secret.name) }
        }
    }

    /// ConfigMaps and Secrets are not objects of this API yet: none exists.
    private func missing(_ kind: String, _ name: String?) -> SwiftletError {
        SwiftletError(
            .notFound, "\(kind) \"\(printable(name ?? ""))\" not found",
            hint:
                "this node keeps no ConfigMaps and Secrets yet; write the value into env, or mark the reference optional"
        )
    }

    private func value(of variable: EnvVar, _ known: [String: String]) throws(SwiftletError) -> String? {
        guard let source = variable.valueFrom else { return expand(variable.value ?? "", known) }
        if let field = source.fieldRef { return try self.field(field.fieldPath) }
        if let resource = source.resourceFieldRef { return try self.resource(resource) }
        if let key = source.configMapKeyRef {
            if key.optional == true { return nil }
            throw missing("configmap", key.name)
        }
        if let key = source.secretKeyRef {
            if key.optional == true { return nil }
            throw missing("secret", key.name)
        }
        return ""
    }

    private func field(_ path: String) throws(SwiftletError) -> String {
        switch path {
        case "metadata.name": return pod.reference.name
        case "metadata.namespace": return pod.reference.namespace
        case "metadata.uid": return pod.reference.uid
        case "spec.nodeName": return node.name
        case "spec.serviceAccountName": return pod.spec.serviceAccountName ?? "default"
        case "status.hostIP": return node.addresses.first ?? ""
        case "status.hostIPs": return node.addresses.joined(separator: ",")
        case "status.podIP": return podAddresses.first ?? ""
        case "status.podIPs": return podAddresses.joined(separator: ",")
        default: break
        }
        if let key = subscripted(path, "metadata.labels") { return pod.metadata.labels[key] ?? "" }
        if let key = subscripted(path, "metadata.annotations") { return pod.metadata.annotations[key] ?? "" }
        throw .invalid("unsupported fieldPath: \(printable(path))")
    }

    /// The key of `map['key']`.
    private func subscripted(_ path: String, _ map: String) -> String? {
        guard path.hasPrefix("\(map)['"), path.hasSuffix("']") else { return nil }
        return String(path.dropFirst(map.count + 2).dropLast(2))
    }

    /// Limits that are not set are what the node has to give.
    private func resource(_ selector: ResourceFieldSelector) throws(SwiftletError) -> String {
        let name = selector.containerName ?? container.name
        guard let target = pod.spec.allContainers.first(where: { $0.name == name }) else {
            throw .invalid("container \(printable(name)) not found")
        }
        let parts = selector.resource.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2, parts[0] == "limits" || parts[0] == "requests" else {
            throw .invalid("unsupported container resource: \(printable(selector.resource))")
        }
        let limit = target.resources?.limits[parts[1]]
        let amount =
            parts[0] == "limits"
            ? limit ?? node.allocatable[parts[1]] : target.resources?.requests[parts[1]] ?? limit
        let (quotient, remainder) = (amount ?? Quantity(0)).nano.quotientAndRemainder(
            dividingBy: divisor(selector).nano)
        return String(quotient + (remainder > 0 ? 1 : 0))
    }

    private func divisor(_ selector: ResourceFieldSelector) -> Quantity {
        guard let divisor = selector.divisor, !divisor.isZero else { return Quantity(1) }
        return divisor
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
