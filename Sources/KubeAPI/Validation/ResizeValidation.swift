import JSON

/// What a resize (the pod's `resize` subresource) may change: cpu and memory of app containers and sidecars.
public enum ResizeValidation {
    public static func faults(old: JSONValue, new: JSONValue) -> [Fault] {
        if old[path: "metadata", "annotations"]?["kubernetes.io/config.mirror"] != nil {
            return [.forbidden("spec", "static pods cannot be resized; change the file of the manifests folder")]
        }
        guard comparable(old) == comparable(new) else {
            return [.forbidden("spec", "only cpu and memory resources for containers and sidecars are mutable")]
        }
        var faults: [Fault] = []
        for list in ["initContainers", "containers"] {
            let pairs = zip(Located(old)["spec"][list].elements, Located(new)["spec"][list].elements)
            for (before, after) in pairs { faults += removed(before["resources"], after["resources"]) }
        }
        if let before = quality(old), let after = quality(new), before != after {
            faults.append(
                .invalid(
                    "spec", .string(after.rawValue), "Pod QOS Class may not change as a result of resizing"))
        }
        return faults
    }

    /// The spec without what may change.
    private static func comparable(_ pod: JSONValue) -> JSONValue {
        var spec = pod["spec"] ?? [:]
        for list in ["initContainers", "containers"] {
            spec.editEach(list) { container in
                guard list == "containers" || container["restartPolicy"] == "Always" else { return }
                container.edit("resources") { resources in
                    for kind in ["limits", "requests"] {
                        resources.edit(kind) { amounts in
                            for name in ["cpu", "memory"] { amounts[name] = nil }
                        }
                        if resources[kind]?.object?.isEmpty == true { resources[kind] = nil }
                    }
                }
                if container["resources"]?.object?.isEmpty == true { container["resources"] = nil }
            }
        }
        return spec
    }

    /// What a container is bounded by or promised can be another amount, and never none.
    private static func removed(_ before: Located, _ after: Located) -> [Fault] {
        ["limits", "requests"].flatMap { kind in
            before[kind].members.filter { !after[kind][$0.key].exists }.map { name, _ in
                .forbidden("\(after[kind].path)[\(name)]", "resource \(kind) cannot be removed")
            }
        }
    }

    private static func quality(_ pod: JSONValue) -> QOSClass? {
        (pod["spec"].flatMap { try? PodSpec($0) }).map { QOSClass(of: $0) }
    }
}
