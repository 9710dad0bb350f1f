import Errors
import KubeAPI

/// What a pod may read of itself, in variables and in files of downwardAPI volumes.
struct PodFields {
    let pod: Pod
    let node: NodeSettings
    /// Known once the sandbox is up; a pod without network has none.
    var podAddresses: [String] = []

    func field(_ path: String) throws(SwiftletError) -> String {
        switch path {
        case "metadata.name": return pod.reference.name
        case "metadata.namespace": return pod.reference.namespace
        case "metadata.uid": return pod.reference.uid
        case "metadata.labels": return lines(pod.metadata.labels)
        case "metadata.annotations": return lines(pod.metadata.annotations)
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

    /// `key="value"` a line, sorted, control characters and quotes escaped.
    private func lines(_ map: [String: String]) -> String {
        map.sorted { $0.key < $1.key }.map { "\($0.key)=\(quoted($0.value))" }.joined(separator: "\n")
    }

    private func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7f {
                    let digits = String(scalar.value, radix: 16)
                    out += "\\x" + (digits.count < 2 ? "0" : "") + digits
                } else {
                    out.unicodeScalars.append(scalar)
                }
            }
        }
        return out + "\""
    }

    /// The key of `map['key']`.
    private func subscripted(_ path: String, _ map: String) -> String? {
        guard path.hasPrefix("\(map)['"), path.hasSuffix("']") else { return nil }
        return String(path.dropFirst(map.count + 2).dropLast(2))
    }

    /// Of the container named, or of `own`. Limits that are not set are what the node has to give.
    func resource(_ selector: ResourceFieldSelector, own: String?) throws(SwiftletError) -> String {
        let name = selector.containerName ?? own ?? ""
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
