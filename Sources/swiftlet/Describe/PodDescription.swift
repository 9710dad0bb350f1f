import KubeAPI

/// `describe pod`: the fields in kubectl's order.
struct PodDescription {
    private let pod: Pod
    private let events: [Event]
    private var lines = Lines()

    init(_ pod: Pod, events: [Event]) {
        self.pod = pod
        self.events = events
    }

    func text() -> String {
        var copy = self
        copy.head()
        copy.containers("Init Containers", pod.spec.initContainers, pod.status?.initContainerStatuses ?? [])
        copy.containers("Containers", pod.spec.containers, pod.status?.containerStatuses ?? [])
        copy.conditions()
        copy.volumes()
        copy.tail()
        copy.lines.events(events)
        return copy.lines.text()
    }

    private mutating func head() {
        let status = pod.status
        lines.field("Name", pod.metadata.name)
        lines.field("Namespace", pod.metadata.namespace)
        lines.field("Priority", "\(pod.spec.priority ?? 0)")
        lines.field("Service Account", pod.spec.serviceAccountName ?? "default")
        lines.field("Node", pod.spec.nodeName.map { "\($0)/\(status?.hostIP ?? "")" } ?? "<none>")
        if let start = longTime(status?.startTime) { lines.field("Start Time", start) }
        lines.map("Labels", pod.metadata.labels)
        lines.map(
            "Annotations", pod.metadata.annotations.filter { $0.key != ThreeWayApply.annotation }, separator: ": ")
        if let deleted = pod.metadata.deletionTimestamp {
            lines.field("Status", "Terminating (lasts \(ageText(since: deleted)))")
            lines.field("Termination Grace Period", "\(pod.metadata.deletionGracePeriodSeconds ?? 0)s")
        } else {
            lines.field("Status", status?.phase?.rawValue ?? "Pending")
        }
        if let reason = status?.reason { lines.field("Reason", reason) }
        if let message = status?.message { lines.field("Message", message) }
        for (index, wait) in PodWaits.sentences(of: pod).enumerated() {
            lines.field(index == 0 ? "Waits For" : "", wait)
        }
        lines.field("IP", status?.podIP)
        if let ips = status?.podIPs, !ips.isEmpty {
            lines.heading("IPs:")
            for ip in ips { lines.field("IP", ip.ip, indent: 2) }
        } else {
            lines.field("IPs", "<none>")
        }
        if let owner = pod.metadata.controller { lines.field("Controlled By", "\(owner.kind)/\(owner.name)") }
    }

    private mutating func containers(_ title: String, _ containers: [Container], _ statuses: [ContainerStatus]) {
        guard !containers.isEmpty else { return }
        lines.heading("\(title):")
        for container in containers {
            lines.heading("\(container.name):", indent: 2)
            let part = ContainerDescription(container, statuses.first { $0.name == container.name }, pod)
            part.write(into: &lines)
        }
    }

    private mutating func conditions() {
        guard let conditions = pod.status?.conditions, !conditions.isEmpty else { return }
        lines.heading("Conditions:")
        var table = TextTable(header: ["Type", "Status"])
        let explained = conditions.contains { $0.reason != nil || $0.message != nil }
        if explained { table.header += ["Reason", "Message"] }
        for condition in conditions {
            table.rows.append(
                [condition.type, condition.status.rawValue]
                    + (explained ? [condition.reason ?? "", condition.message ?? ""] : []))
        }
        lines.table(table, indent: 2)
    }

    private mutating func volumes() {
        guard !pod.spec.volumes.isEmpty else { return lines.field("Volumes", "<none>") }
        lines.heading("Volumes:")
        for volume in pod.spec.volumes {
            lines.heading("\(volume.name):", indent: 2)
            for (label, value) in volume.description { lines.field(label, value, indent: 4) }
        }
    }

    private mutating func tail() {
        lines.field("QoS Class", (pod.status?.qosClass ?? QOSClass(of: pod.spec)).rawValue)
        lines.map("Node-Selectors", pod.spec.nodeSelector)
        let tolerations = pod.spec.tolerations.map { toleration in
            let key = toleration.key ?? ""
            let value = toleration.value.map { "=\($0)" } ?? ""
            let effect = toleration.effect.map { ":\($0)" } ?? ""
            let op = toleration.operator == "Exists" ? " op=Exists" : ""
            return key + value + effect + op + (toleration.tolerationSeconds.map { " for \($0)s" } ?? "")
        }
        lines.field("Tolerations", tolerations.first ?? "<none>")
        for toleration in tolerations.dropFirst() { lines.field("", toleration) }
    }
}

extension Volume {
    /// Label and value a line, the type first.
    fileprivate var description: [(String, String)] {
        if let emptyDir {
            return [
                ("Type", "EmptyDir (a temporary directory that shares a pod's lifetime)"),
                ("Medium", emptyDir.medium ?? ""),
                ("SizeLimit", emptyDir.sizeLimit?.description ?? "<unset>"),
            ]
        }
        if let hostPath {
            return [
                ("Type", "HostPath (bare host directory volume)"), ("Path", hostPath.path),
                ("HostPathType", hostPath.type?.rawValue ?? ""),
            ]
        }
        if let configMap {
            return [("Type", "ConfigMap (a volume populated by a ConfigMap)"), ("Name", configMap.name ?? "")]
        }
        if let secret {
            return [("Type", "Secret (a volume populated by a Secret)"), ("SecretName", secret.secretName ?? "")]
        }
        if downwardAPI != nil { return [("Type", "DownwardAPI (a volume populated by information about the pod)")] }
        if projected != nil {
            return [("Type", "Projected (a volume that contains injected data from multiple sources)")]
        }
        if let claim = persistentVolumeClaim {
            return [
                ("Type", "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)"),
                ("ClaimName", claim.claimName),
            ]
        }
        if let image {
            return [("Type", "Image (a container image or OCI artifact)"), ("Reference", image.reference ?? "")]
        }
        return [("Type", "<unknown>")]
    }
}
