/// Which nodes a pod may be on. What a pod says of other pods is for a scheduler of many nodes.
public struct Affinity: KubeCodable {
    public var nodeAffinity: NodeAffinity?
}

public struct NodeAffinity: KubeCodable {
    public var requiredDuringSchedulingIgnoredDuringExecution: NodeSelector?
}

/// One of the terms must hold.
public struct NodeSelector: KubeCodable {
    public var nodeSelectorTerms: [NodeSelectorTerm] = []
}

/// All of it must hold; a term that asks nothing holds nowhere.
public struct NodeSelectorTerm: KubeCodable {
    public var matchExpressions: [NodeSelectorRequirement] = []
    /// Of the node's fields there is only `metadata.name`.
    public var matchFields: [NodeSelectorRequirement] = []
}

public struct NodeSelectorRequirement: KubeCodable {
    public var key: String
    public var `operator`: String
    public var values: [String] = []
}

extension PodSpec {
    /// Whether `nodeSelector` and the required node affinity take a node of this name with these labels.
    public func selects(node: String, labels: [String: String]) -> Bool {
        guard nodeSelector.allSatisfy({ labels[$0.key] == $0.value }) else { return false }
        guard let required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution else { return true }
        return required.nodeSelectorTerms.contains { term in
            !(term.matchExpressions.isEmpty && term.matchFields.isEmpty)
                && term.matchExpressions.allSatisfy { $0.holds(for: labels[$0.key]) }
                && term.matchFields.allSatisfy { $0.key == "metadata.name" && $0.holds(for: node) }
        }
    }
}

extension NodeSelectorRequirement {
    /// `value` is nil where the node has none of that key.
    fileprivate func holds(for value: String?) -> Bool {
        switch `operator` {
        case "In": return value.map(values.contains) ?? false
        case "NotIn": return !(value.map(values.contains) ?? false)
        case "Exists": return value != nil
        case "DoesNotExist": return value == nil
        case "Gt", "Lt":
            guard let number = value.flatMap({ Int64($0) }), let bound = values.first.flatMap({ Int64($0) }) else {
                return false
            }
            return `operator` == "Gt" ? number > bound : number < bound
        default: return false
        }
    }
}
