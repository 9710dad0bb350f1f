import JSON

/// What of the pod its containers' rules need.
struct PodFacts {
    var volumes: Set<String>
    var hostNetwork: Bool
    var gracePeriodSeconds: Int64
    var neverRestarts = false
}

extension Validator {
    enum ContainerRole { case app, initial, ephemeral }

    mutating func container(_ container: Located, _ role: ContainerRole, _ pod: PodFacts) {
        require(container["name"])
        check(container["name"], Names.label)
        image(container["image"])
        ports(container["ports"], hostNetwork: pod.hostNetwork)
        environment(container)
        let privileged = container["securityContext"]["privileged"].bool == true
        mounts(container, volumes: pod.volumes, privileged: privileged)
        for device in container["volumeDevices"].elements {
            require(device["name"])
            require(device["devicePath"])
            if let name = device["name"].string, !name.isEmpty, !pod.volumes.contains(name) {
                add(.notFound(device["name"].path, device["name"].shown))
            }
        }
        resources(container["resources"])
        resizePolicy(container, pod)
        restartRules(container)
        securityContext(container["securityContext"])
        probes(container, role, pod)
    }

    private mutating func image(_ image: Located) {
        guard let text = image.string, !text.isEmpty else { return add(.required(image.path)) }
        if text.first == " " || text.last == " " {
            add(.invalid(image.path, image.shown, "must not have leading or trailing whitespace"))
        }
    }

    private mutating func ports(_ ports: Located, hostNetwork: Bool) {
        unique(ports.elements.map { $0["name"] })
        for port in ports.elements {
            check(port["name"], Names.portName)
            if let number = port["containerPort"].int, let fault = Names.port(number) {
                add(.invalid(port["containerPort"].path, port["containerPort"].shown, fault))
            }
            if let host = port["hostPort"].int, host != 0 {
                if let fault = Names.port(host) { add(.invalid(port["hostPort"].path, port["hostPort"].shown, fault)) }
                if hostNetwork, host != port["containerPort"].int {
                    add(
                        .invalid(
                            port["containerPort"].path, port["containerPort"].shown,
                            "must match `hostPort` when `hostNetwork` is true"))
                }
            }
            check(port["hostIP"], Names.address)
        }
    }

    private mutating func environment(_ container: Located) {
        for variable in container["env"].elements {
            require(variable["name"])
            check(variable["name"], Names.environment)
            if variable["valueFrom"].exists { valueFrom(variable) }
        }
        for source in container["envFrom"].elements {
            check(source["prefix"], Names.environment)
            oneOf(source, ["configMapRef", "secretRef"], what: "source")
            for kind in ["configMapRef", "secretRef"] where source[kind].exists {
                require(source[kind]["name"])
                check(source[kind]["name"], Names.subdomain)
            }
        }
    }

    private mutating func valueFrom(_ variable: Located) {
        let source = variable["valueFrom"]
        if !variable["value"].text.isEmpty {
            add(.invalid(source.path, "", "may not be specified when `value` is not empty"))
        }
        oneOf(
            source, ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"], what: "source")
        if source["fieldRef"].exists { fieldReference(source["fieldRef"], Self.environmentFields) }
        if source["resourceFieldRef"].exists { resourceReference(source["resourceFieldRef"], inVolume: false) }
        for kind in ["configMapKeyRef", "secretKeyRef"] where source[kind].exists {
            require(source[kind]["name"])
            require(source[kind]["key"])
        }
    }

    private mutating func resizePolicy(_ container: Located, _ pod: PodFacts) {
        unique(container["resizePolicy"].elements.map { $0["resourceName"] })
        for entry in container["resizePolicy"].elements {
            let (name, policy) = (entry["resourceName"], entry["restartPolicy"])
            if let text = name.string, text != "cpu", text != "memory" {
                add(.notSupported(name.path, name.shown, ["cpu", "memory"]))
            }
            // Of a pod whose containers never start again.
            if pod.neverRestarts, policy.text == "RestartContainer" {
                add(.invalid(policy.path, policy.shown, "must be 'NotRequired' when `restartPolicy` is 'Never'"))
            }
        }
    }

    private static let standardResources: Set<String> = ["cpu", "memory", "ephemeral-storage"]

    mutating func resources(_ resources: Located) {
        for kind in ["limits", "requests"] {
            for (name, amount) in resources[kind].members { resource(name, amount, resources[kind].path) }
        }
        for (name, request) in resources["requests"].members {
            let bound = resources["limits"].members.first { $0.key == name }?.field.quantity
            guard let wanted = request.quantity else { continue }
            if let bound, wanted > bound {
                add(.invalid(request.path, request.shown, "must be less than or equal to \(name) limit of \(bound)"))
            } else if !Self.standardResources.contains(name), bound != wanted {
                add(
                    .invalid(
                        request.path, request.shown, "must be equal to \(name) limit\(bound.map { " of \($0)" } ?? "")")
                )
            }
        }
    }

    private mutating func resource(_ name: String, _ amount: Located, _ path: String) {
        let isHuge = name.hasPrefix("hugepages-")
        if !Self.standardResources.contains(name), !isHuge {
            if !name.contains("/") {
                add(.invalid(path, .string(name), "must be a standard resource for containers"))
            } else if let fault = Names.qualified(name) {
                add(.invalid(path, .string(name), fault))
            }
        }
        guard let quantity = amount.quantity else { return }
        if quantity.isNegative {
            add(.invalid(amount.path, amount.shown, "must be greater than or equal to 0"))
        } else if !quantity.isWhole, isHuge || name.contains("/") {
            add(.invalid(amount.path, amount.shown, "must be an integer"))
        }
    }

    static let identifiers: ClosedRange<Int64> = 0...Int64(Int32.max)

    private mutating func securityContext(_ context: Located) {
        between(Self.identifiers, context["runAsUser"])
        between(Self.identifiers, context["runAsGroup"])
        profile(context["seccompProfile"])
        profile(context["appArmorProfile"])
        for list in ["add", "drop"] {
            for name in context["capabilities"][list].elements { check(name, Names.capability) }
        }
        guard context["allowPrivilegeEscalation"].bool == false else { return }
        if context["privileged"].bool == true {
            add(
                .invalid(
                    context.path, context["allowPrivilegeEscalation"].shown,
                    "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
        }
        if context["capabilities"]["add"].elements.contains(where: {
            $0.text == "SYS_ADMIN" || $0.text == "CAP_SYS_ADMIN"
        }) {
            add(
                .invalid(
                    context.path, context["allowPrivilegeEscalation"].shown,
                    "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
        }
    }

    mutating func profile(_ profile: Located) {
        guard profile.exists else { return }
        let file = profile["localhostProfile"]
        if profile["type"].text == "Localhost" {
            require(file, "must be set when type is Localhost")
        } else if file.exists {
            add(.invalid(file.path, file.shown, "can only be set when type is Localhost"))
        }
        check(file, Names.relativePath)
    }
}
