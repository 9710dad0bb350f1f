import JSON

/// The values the API server writes into a pod where its author wrote none (core/v1 defaults).
public enum PodDefaults {
    public static func apply(to pod: JSONValue) -> JSONValue {
        var pod = pod
        pod.edit("spec", spec)
        pod.fill("status", [:])
        let qos = (try? Pod(pod)).map { QOSClass(of: $0.spec) }
        pod.edit("status") { status in
            status.fill("phase", "Pending")
            if let qos { status.fill("qosClass", .string(qos.rawValue)) }
        }
        return pod
    }

    private static func spec(_ spec: inout JSONValue) {
        spec.fill("restartPolicy", "Always")
        spec.fill("dnsPolicy", "ClusterFirst")
        spec.fill("terminationGracePeriodSeconds", 30)
        spec.fill("securityContext", [:])
        spec.fill("schedulerName", "default-scheduler")
        spec.fill("enableServiceLinks", true)
        let hostNetwork = spec["hostNetwork"]?.bool == true
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            spec.editEach(list) { container(&$0, hostNetwork: hostNetwork) }
        }
        spec.editEach("volumes", volume)
        podRequests(&spec)
    }

    /// Pod-level requests that are not set are what the containers ask for together, else the pod-level limits.
    private static func podRequests(_ spec: inout JSONValue) {
        guard let limits = spec["resources"]?["limits"]?.object, !limits.isEmpty,
            var typed = try? PodSpec(spec)
        else { return }
        typed.resources = nil
        typed.overhead = [:]
        let together = typed.totalRequests.filter { isPodLevel($0.key) }
        spec.edit("resources") { resources in
            resources.fill("requests", [:])
            resources.edit("requests") { requests in
                for (name, amount) in together { requests.fill(name, .string(amount.description)) }
                for (name, limit) in limits { requests.fill(name, limit) }
            }
        }
    }

    /// What a pod may ask for as a whole.
    static func isPodLevel(_ resource: String) -> Bool {
        resource == "cpu" || resource == "memory" || resource.hasPrefix("hugepages-")
    }

    private static func container(_ container: inout JSONValue, hostNetwork: Bool) {
        container.fill("resources", [:])
        container.fill("terminationMessagePath", "/dev/termination-log")
        container.fill("terminationMessagePolicy", "File")
        container.fill("imagePullPolicy", .string(pullPolicy(ofImage: container["image"]?.string ?? "").rawValue))
        container.editEach("ports") { port in
            port.fill("protocol", "TCP")
            if hostNetwork, port["hostPort"] == nil { port["hostPort"] = port["containerPort"] }
        }
        container.edit("resources", requestsFromLimits)
        container.editEach("env") { variable in
            variable.edit("valueFrom") { $0.edit("fieldRef") { $0.fill("apiVersion", "v1") } }
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] { container.edit(probe, self.probe) }
        container.edit("lifecycle") { lifecycle in
            lifecycle.edit("postStart", handler)
            lifecycle.edit("preStop", handler)
        }
    }

    private static func requestsFromLimits(_ resources: inout JSONValue) {
        guard let limits = resources["limits"]?.object, !limits.isEmpty else { return }
        resources.fill("requests", [:])
        resources.edit("requests") { requests in
            for (name, limit) in limits { requests.fill(name, limit) }
        }
    }

    private static func probe(_ probe: inout JSONValue) {
        for (key, value) in [
            ("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3),
        ] {
            if probe[key]?.int ?? 0 == 0 { probe[key] = .int(Int64(value)) }
        }
        handler(&probe)
        probe.edit("grpc") { $0.fill("service", "") }
    }

    private static func handler(_ handler: inout JSONValue) {
        handler.edit("httpGet") { request in
            if request["path"]?.string ?? "" == "" { request["path"] = "/" }
            if request["scheme"]?.string ?? "" == "" { request["scheme"] = "HTTP" }
        }
    }

    private static func volume(_ volume: inout JSONValue) {
        if let members = volume.object, members.count == 1 { volume["emptyDir"] = [:] }
        volume.edit("hostPath") { $0.fill("type", "") }
        for kind in ["secret", "configMap", "downwardAPI", "projected"] {
            volume.edit(kind) { $0.fill("defaultMode", 0o644) }
        }
        volume.edit("downwardAPI", downwardItems)
        volume.edit("projected") { projected in
            projected.editEach("sources") { source in
                source.edit("serviceAccountToken") { $0.fill("expirationSeconds", 3600) }
                source.edit("downwardAPI", downwardItems)
            }
        }
    }

    private static func downwardItems(_ source: inout JSONValue) {
        source.editEach("items") { $0.edit("fieldRef") { $0.fill("apiVersion", "v1") } }
    }

    /// `Always` for images without tag and digest or tagged latest, whose content may change.
    public static func pullPolicy(ofImage image: String) -> PullPolicy {
        if image.contains("@") { return .ifNotPresent }
        let last = image.split(separator: "/").last ?? ""
        guard let colon = last.firstIndex(of: ":") else { return .always }
        return last[last.index(after: colon)...] == "latest" ? .always : .ifNotPresent
    }
}

extension JSONValue {
    /// Sets a member that is absent or null.
    mutating func fill(_ key: String, _ value: JSONValue) {
        if self[key]?.isNull ?? true { self[key] = value }
    }

    /// Edits a member that is an object.
    mutating func edit(_ key: String, _ change: (inout JSONValue) -> Void) {
        guard var member = self[key], member.object != nil else { return }
        change(&member)
        self[key] = member
    }

    /// Edits every element of a member that is an array.
    mutating func editEach(_ key: String, _ change: (inout JSONValue) -> Void) {
        guard var elements = self[key]?.array else { return }
        for index in elements.indices { change(&elements[index]) }
        self[key] = .array(elements)
    }
}
