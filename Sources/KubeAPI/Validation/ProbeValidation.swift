import JSON

extension Validator {
    mutating func probes(_ container: Located, _ role: ContainerRole, _ pod: PodFacts) {
        let isSidecar = role == .initial && container["restartPolicy"].text == "Always"
        let mayProbe = role == .app || isSidecar
        for key in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"]
        where container[key].exists && !mayProbe {
            add(
                .forbidden(
                    container[key].path,
                    role == .ephemeral
                        ? "cannot be set for an Ephemeral Container"
                        : "may not be set for init containers without restartPolicy=Always"))
        }
        guard mayProbe else { return }
        for key in ["livenessProbe", "readinessProbe", "startupProbe"] where container[key].exists {
            probe(container[key], isReadiness: key == "readinessProbe")
        }
        for key in ["postStart", "preStop"] where container["lifecycle"][key].exists {
            let handler = container["lifecycle"][key]
            oneOf(handler, ["exec", "httpGet", "tcpSocket", "sleep"], what: "handler type")
            action(handler)
            if handler["sleep"].exists { between(0...max(pod.gracePeriodSeconds, 0), handler["sleep"]["seconds"]) }
        }
    }

    private mutating func probe(_ probe: Located, isReadiness: Bool) {
        oneOf(probe, ["exec", "httpGet", "tcpSocket", "grpc"], what: "handler type")
        action(probe)
        for key in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
            atLeast(0, probe[key])
        }
        let grace = probe["terminationGracePeriodSeconds"]
        if isReadiness {
            if grace.exists { add(.invalid(grace.path, grace.shown, "must not be set for readinessProbes")) }
        } else {
            atLeast(1, grace)
            if let threshold = probe["successThreshold"].int, threshold > 1 {
                add(.invalid(probe["successThreshold"].path, probe["successThreshold"].shown, "must be 1"))
            }
        }
    }

    private mutating func action(_ handler: Located) {
        if handler["exec"].exists, handler["exec"]["command"].elements.isEmpty {
            add(.required(handler["exec"]["command"].path))
        }
        for kind in ["httpGet", "tcpSocket", "grpc"] where handler[kind].exists {
            let port = handler[kind]["port"]
            if let number = port.int, let fault = Names.port(number) { add(.invalid(port.path, port.shown, fault)) }
            if let name = port.string {
                if let fault = name.isEmpty ? "must not be empty" : Names.portName(name) {
                    add(.invalid(port.path, port.shown, fault))
                }
            }
        }
        for header in handler["httpGet"]["httpHeaders"].elements { check(header["name"], Self.headerName) }
    }

    private static func headerName(_ text: String) -> String? {
        text.utf8.allSatisfy { (0x21...0x7e).contains($0) && !"()<>@,;:\\\"/[]?={}".utf8.contains($0) }
            ? nil : "a valid HTTP header must consist of alphanumeric characters or '-'"
    }
}
