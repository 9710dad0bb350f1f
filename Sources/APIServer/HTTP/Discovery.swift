import JSON

/// What the API offers, in the plain form that every client understands.
enum Discovery {
    private static let verbs: JSONValue = [
        "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch",
    ]

    /// The document at a path; nil when there is none.
    static func document(_ path: [String], version: String) -> JSONValue? {
        switch path {
        case ["version"]: return self.version(version)
        case ["api"]:
            return [
                "kind": "APIVersions", "versions": ["v1"],
                "serverAddressByClientCIDRs": [["clientCIDR": "0.0.0.0/0", "serverAddress": ""]],
            ]
        case ["apis"]: return ["kind": "APIGroupList", "apiVersion": "v1", "groups": [metricsGroup]]
        case ["apis", "metrics.k8s.io"]:
            var group = metricsGroup
            group["kind"] = "APIGroup"
            group["apiVersion"] = "v1"
            return group
        case ["api", "v1"]: return core
        case ["apis", "metrics.k8s.io", "v1beta1"]: return metrics
        default: return nil
        }
    }

    /// Clients read major and minor to know which words the server understands: those of Kubernetes 1.36.
    private static func version(_ version: String) -> JSONValue {
        [
            "major": "1", "minor": "36", "gitVersion": .string("v1.36.0+swiftlet-\(version)"), "gitCommit": "",
            "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "swift", "platform": .string(platform),
        ]
    }

    private static var platform: String {
        #if arch(x86_64)
            "linux/amd64"
        #elseif arch(arm64)
            "linux/arm64"
        #else
            "linux/unknown"
        #endif
    }

    private static let metricsGroup: JSONValue = [
        "name": "metrics.k8s.io", "versions": [["groupVersion": "metrics.k8s.io/v1beta1", "version": "v1beta1"]],
        "preferredVersion": ["groupVersion": "metrics.k8s.io/v1beta1", "version": "v1beta1"],
    ]

    private static let core: JSONValue = {
        var entries: [JSONValue] = []
        for resource in Resource.all {
            var entry: JSONValue = [
                "name": .string(resource.plural), "singularName": .string(resource.singular),
                "namespaced": .bool(resource.isNamespaced), "kind": .string(resource.kind), "verbs": verbs,
                "shortNames": .array(resource.shortNames.map { .string($0) }),
            ]
            if !resource.categories.isEmpty { entry["categories"] = .array(resource.categories.map { .string($0) }) }
            entries.append(entry)
            for sub in resource.subresources {
                let (kind, verbs): (String, JSONValue) =
                    switch sub {
                    case "exec": ("PodExecOptions", ["create", "get"])
                    case "attach": ("PodAttachOptions", ["create", "get"])
                    case "portforward": ("PodPortForwardOptions", ["create", "get"])
                    case "log": (resource.kind, ["get"])
                    default: (resource.kind, ["get", "patch", "update"])
                    }
                entries.append([
                    "name": .string("\(resource.plural)/\(sub)"), "singularName": "",
                    "namespaced": .bool(resource.isNamespaced), "kind": .string(kind), "verbs": verbs,
                ])
            }
        }
        return ["kind": "APIResourceList", "groupVersion": "v1", "resources": .array(entries)]
    }()

    private static let metrics: JSONValue = [
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "metrics.k8s.io/v1beta1",
        "resources": [
            [
                "name": "nodes", "singularName": "", "namespaced": false, "kind": "NodeMetrics",
                "verbs": ["get", "list"],
            ],
            ["name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": ["get", "list"]],
        ],
    ]
}
