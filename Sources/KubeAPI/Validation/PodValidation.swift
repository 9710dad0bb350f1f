import JSON

/// The rules of the API server for pods beyond their shape: every fault, each with its path.
public enum PodValidation {
    /// For a tree that may have faults of shape as well: values of the wrong type are passed over.
    public static func faults(_ pod: JSONValue) -> [Fault] {
        var validator = Validator()
        let root = Located(pod)
        validator.metadata(root["metadata"], namespaced: true, name: Names.subdomain)
        if root["spec"].exists { validator.podSpec(root["spec"]) } else { validator.add(.required("spec")) }
        return validator.faults
    }

    /// What an update of an existing pod may not do: only images, the deadline and additional tolerations change.
    public static func updateFaults(old: JSONValue, new: JSONValue) -> [Fault] {
        func comparable(_ pod: JSONValue, like other: JSONValue) -> JSONValue {
            var spec = pod["spec"] ?? [:]
            for list in ["containers", "initContainers"] {
                guard let elements = spec[list]?.array else { continue }
                spec[list] = .array(
                    elements.map { element in
                        var element = element
                        element["image"] = nil
                        return element
                    })
            }
            spec["activeDeadlineSeconds"] = nil
            let (mine, others) = (spec["tolerations"]?.array ?? [], other["spec"]?["tolerations"]?.array ?? [])
            if others.starts(with: mine) || mine.starts(with: others) { spec["tolerations"] = nil }
            return spec
        }
        guard comparable(old, like: new) != comparable(new, like: old) else { return [] }
        let may =
            "`spec.containers[*].image`, `spec.initContainers[*].image`, `spec.activeDeadlineSeconds` or "
            + "`spec.tolerations` (only additions to existing tolerations)"
        return [
            .forbidden(
                "spec",
                "pod updates may not change fields other than \(may); delete the pod and create it anew, or change cpu "
                    + "and memory by its subresource resize")
        ]
    }
}

extension Validator {
    fileprivate mutating func podSpec(_ spec: Located) {
        volumes(spec["volumes"])
        let facts = PodFacts(
            volumes: Set(spec["volumes"].elements.compactMap { $0["name"].string }),
            hostNetwork: spec["hostNetwork"].bool == true,
            gracePeriodSeconds: spec["terminationGracePeriodSeconds"].int ?? 30,
            neverRestarts: spec["restartPolicy"].text == "Never")
        if spec["containers"].value?.array?.isEmpty == true { add(.required(spec["containers"].path)) }
        if !spec["ephemeralContainers"].elements.isEmpty {
            add(.forbidden(spec["ephemeralContainers"].path, "cannot be set on create"))
        }
        containers(spec, facts)
        hostPorts(spec)
        atLeast(0, spec["terminationGracePeriodSeconds"])
        between(1...Int64(Int32.max), spec["activeDeadlineSeconds"])
        check(spec["nodeName"], Names.subdomain)
        check(spec["hostname"], Names.label)
        check(spec["subdomain"], Names.label)
        check(spec["serviceAccountName"], Names.subdomain)
        check(spec["runtimeClassName"], Names.subdomain)
        check(spec["priorityClassName"], Names.subdomain)
        labels(spec["nodeSelector"])
        for gate in spec["readinessGates"].elements { check(gate["conditionType"], Names.qualified) }
        resources(spec["resources"])
        podSecurity(spec)
        hostUsers(spec)
        dns(spec)
        hostAliases(spec["hostAliases"])
        for toleration in spec["tolerations"].elements { self.toleration(toleration) }
    }

    private mutating func containers(_ spec: Located, _ facts: PodFacts) {
        unique(
            ["containers", "initContainers", "ephemeralContainers"].flatMap { list in
                spec[list].elements.map { $0["name"] }
            })
        for container in spec["initContainers"].elements {
            self.container(container, .initial, facts)
        }
        for container in spec["containers"].elements { self.container(container, .app, facts) }
        for container in spec["ephemeralContainers"].elements { self.container(container, .ephemeral, facts) }
    }

    /// One host port may be taken once a protocol and address.
    private mutating func hostPorts(_ spec: Located) {
        var taken: Set<String> = []
        for port in spec["containers"].elements.flatMap({ $0["ports"].elements }) {
            guard let number = port["hostPort"].int, number != 0 else { continue }
            let transport = port["protocol"].text.isEmpty ? "TCP" : port["protocol"].text
            let key = "\(transport)/\(port["hostIP"].text)/\(number)"
            if !taken.insert(key).inserted { add(.duplicate(port["hostPort"].path, .string(key))) }
        }
    }

    private mutating func podSecurity(_ spec: Located) {
        let context = spec["securityContext"]
        for key in ["runAsUser", "runAsGroup", "fsGroup"] { between(Self.identifiers, context[key]) }
        for group in context["supplementalGroups"].elements { between(Self.identifiers, group) }
        profile(context["seccompProfile"])
        profile(context["appArmorProfile"])
        if spec["shareProcessNamespace"].bool == true, spec["hostPID"].bool == true {
            add(
                .invalid(
                    spec["shareProcessNamespace"].path, true, "ShareProcessNamespace and HostPID cannot both be enabled"
                ))
        }
        unique(context["sysctls"].elements.map { $0["name"] })
        for sysctl in context["sysctls"].elements {
            require(sysctl["name"])
            check(sysctl["name"], Self.sysctlName)
            let name = sysctl["name"].text.split(separator: "/").joined(separator: ".")
            for (key, prefixes) in [
                ("hostNetwork", ["net."]), ("hostIPC", ["fs.mqueue.", "kernel.shm", "kernel.msg", "kernel.sem"]),
            ]
            where spec[key].bool == true && prefixes.contains(where: name.hasPrefix) {
                add(.invalid(sysctl["name"].path, sysctl["name"].shown, "may not be specified when '\(key)' is true"))
            }
        }
    }

    private static func sysctlName(_ text: String) -> String? {
        let parts = text.split(whereSeparator: { $0 == "." || $0 == "/" }).map(String.init)
        let fine =
            text.utf8.count <= 253 && !parts.isEmpty
            && parts.joined().utf8.allSatisfy {
                (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || "-_".utf8.contains($0)
            }
            && parts.count
                == text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "." || $0 == "/" }).count
        return fine ? nil : "must be a sysctl name: lower case words joined by '.' or '/', at most 253 characters"
    }

    private mutating func dns(_ spec: Located) {
        let config = spec["dnsConfig"]
        let servers = config["nameservers"].elements
        if spec["dnsPolicy"].text == "None", servers.isEmpty {
            add(
                .required(
                    config["nameservers"].path,
                    config.exists
                        ? "must provide at least one DNS nameserver when `dnsPolicy` is None"
                        : "must provide `dnsConfig` when `dnsPolicy` is None"))
        }
        if servers.count > 3 {
            add(
                .invalid(
                    config["nameservers"].path, config["nameservers"].shown, "must not have more than 3 nameservers"))
        }
        for server in servers { check(server, Names.address) }
        let searches = config["searches"].elements
        if searches.count > 32 {
            add(.invalid(config["searches"].path, config["searches"].shown, "must not have more than 32 search paths"))
        }
        for search in searches {
            check(search) { $0 == "." ? nil : Names.subdomain($0.hasSuffix(".") ? String($0.dropLast()) : $0) }
        }
        for option in config["options"].elements { require(option["name"]) }
    }

    private mutating func hostAliases(_ aliases: Located) {
        for alias in aliases.elements {
            require(alias["ip"])
            check(alias["ip"], Names.address)
            for name in alias["hostnames"].elements { check(name, Names.subdomain) }
        }
    }

    private mutating func toleration(_ toleration: Located) {
        let (key, kind) = (toleration["key"], toleration["operator"].text)
        check(key, Names.qualified)
        if key.text.isEmpty, kind != "Exists" {
            add(
                .invalid(
                    toleration["operator"].path, toleration["operator"].shown,
                    "operator must be Exists when `key` is empty"))
        }
        if kind == "Exists", !toleration["value"].text.isEmpty {
            add(
                .invalid(
                    toleration["value"].path, toleration["value"].shown,
                    "value must be empty when `operator` is 'Exists'"))
        }
        if toleration["tolerationSeconds"].exists, toleration["effect"].text != "NoExecute" {
            add(
                .invalid(
                    toleration["effect"].path, toleration["effect"].shown,
                    "effect must be 'NoExecute' when `tolerationSeconds` is set"))
        }
    }
}
