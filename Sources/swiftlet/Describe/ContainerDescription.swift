import KubeAPI

/// One container's part of `describe pod`.
struct ContainerDescription {
    private let container: Container
    private let status: ContainerStatus?
    private let pod: Pod

    init(_ container: Container, _ status: ContainerStatus?, _ pod: Pod) {
        self.container = container
        self.status = status
        self.pod = pod
    }

    func write(into lines: inout Lines) {
        lines.field("Container ID", status?.containerID, indent: 4)
        lines.field("Image", container.image, indent: 4)
        lines.field("Image ID", status?.imageID, indent: 4)
        ports(into: &lines)
        words("Command", container.command, into: &lines)
        words("Args", container.args, into: &lines)
        state("State", status?.state, into: &lines)
        if let last = status?.lastState { state("Last State", last, into: &lines) }
        lines.field("Ready", status?.ready == true ? "True" : "False", indent: 4)
        lines.field("Restart Count", "\(status?.restartCount ?? 0)", indent: 4)
        quantities("Limits", container.resources?.limits, into: &lines)
        quantities("Requests", container.resources?.requests, into: &lines)
        if let probe = container.livenessProbe { lines.field("Liveness", probe.description, indent: 4) }
        if let probe = container.readinessProbe { lines.field("Readiness", probe.description, indent: 4) }
        if let probe = container.startupProbe { lines.field("Startup", probe.description, indent: 4) }
        environment(into: &lines)
        mounts(into: &lines)
    }

    private func ports(into lines: inout Lines) {
        let ports = container.ports.map {
            "\($0.containerPort)/\($0.protocol?.rawValue ?? "TCP")" + ($0.name.map { " (\($0))" } ?? "")
        }
        let hostPorts = container.ports.map { "\($0.hostPort ?? 0)/\($0.protocol?.rawValue ?? "TCP")" }
        lines.field(
            ports.count > 1 ? "Ports" : "Port", ports.isEmpty ? "<none>" : ports.joined(separator: ", "), indent: 4)
        lines.field(
            ports.count > 1 ? "Host Ports" : "Host Port",
            hostPorts.isEmpty ? "<none>" : hostPorts.joined(separator: ", "), indent: 4)
    }

    private func words(_ label: String, _ words: [String], into lines: inout Lines) {
        guard !words.isEmpty else { return }
        lines.heading("\(label):", indent: 4)
        for word in words {
            for line in word.split(separator: "\n", omittingEmptySubsequences: false) {
                lines.heading(String(line), indent: 6)
            }
        }
    }

    private func state(_ label: String, _ state: ContainerState?, into lines: inout Lines) {
        switch state {
        case nil: lines.field(label, "Waiting", indent: 4)
        case .waiting(let reason, let message):
            lines.field(label, "Waiting", indent: 4)
            if let reason { lines.field("Reason", reason, indent: 6) }
            if let message { lines.field("Message", message, indent: 6) }
        case .running(let started):
            lines.field(label, "Running", indent: 4)
            lines.field("Started", longTime(started), indent: 6)
        case .terminated(let end):
            lines.field(label, "Terminated", indent: 4)
            if let reason = end.reason { lines.field("Reason", reason, indent: 6) }
            if let message = end.message { lines.field("Message", message, indent: 6) }
            lines.field("Exit Code", "\(end.exitCode)", indent: 6)
            if let signal = end.signal, signal > 0 { lines.field("Signal", "\(signal)", indent: 6) }
            lines.field("Started", longTime(end.startedAt), indent: 6)
            lines.field("Finished", longTime(end.finishedAt), indent: 6)
        }
    }

    private func quantities(_ label: String, _ quantities: [String: Quantity]?, into lines: inout Lines) {
        guard let quantities, !quantities.isEmpty else { return }
        lines.heading("\(label):", indent: 4)
        for (name, quantity) in quantities.sorted(by: { $0.key < $1.key }) {
            lines.field(name, quantity.description, indent: 6)
        }
    }

    private func environment(into lines: inout Lines) {
        for source in container.envFrom {
            let name =
                source.configMapRef?.name.map { "\($0)  ConfigMap" } ?? source.secretRef?.name.map { "\($0)  Secret" }
                ?? ""
            lines.field("Environment Variables from", name, indent: 4)
        }
        guard !container.env.isEmpty else { return lines.field("Environment", "<none>", indent: 4) }
        lines.heading("Environment:", indent: 4)
        for variable in container.env { lines.field(variable.name, variable.description, indent: 6) }
    }

    private func mounts(into lines: inout Lines) {
        guard !container.volumeMounts.isEmpty else { return lines.field("Mounts", "<none>", indent: 4) }
        lines.heading("Mounts:", indent: 4)
        for mount in container.volumeMounts.sorted(by: { $0.mountPath < $1.mountPath }) {
            let flags = [mount.readOnly == true ? "ro" : "rw"] + (mount.subPath.map { ["path=\"\($0)\""] } ?? [])
            lines.heading("\(mount.mountPath) from \(mount.name) (\(flags.joined(separator: ",")))", indent: 6)
        }
    }
}

extension EnvVar {
    fileprivate var description: String {
        guard let source = valueFrom else { return value ?? "" }
        if let field = source.fieldRef { return "(\(field.apiVersion ?? "v1"):\(field.fieldPath))" }
        if let resource = source.resourceFieldRef { return "(\(resource.resource))" }
        if let key = source.configMapKeyRef { return "<set to the key '\(key.key)' of config map '\(key.name ?? "")'>" }
        if let key = source.secretKeyRef { return "<set to the key '\(key.key)' in secret '\(key.name ?? "")'>" }
        return ""
    }
}

extension Probe {
    fileprivate var description: String {
        let timing =
            "delay=\(initialDelaySeconds ?? 0)s timeout=\(timeoutSeconds ?? 1)s period=\(periodSeconds ?? 10)s "
            + "#success=\(successThreshold ?? 1) #failure=\(failureThreshold ?? 3)"
        if let exec { return "exec [\(exec.command.joined(separator: " "))] \(timing)" }
        if let get = httpGet {
            return
                "http-get \((get.scheme ?? "HTTP").lowercased())://\(get.host ?? ""):\(get.port)\(get.path ?? "/") \(timing)"
        }
        if let socket = tcpSocket { return "tcp-socket \(socket.host ?? ""):\(socket.port) \(timing)" }
        if let grpc { return "grpc <pod>:\(grpc.port) \(grpc.service ?? "") \(timing)" }
        return timing
    }
}
