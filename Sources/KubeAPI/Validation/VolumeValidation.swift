import JSON

extension Validator {
    mutating func volumes(_ volumes: Located) {
        unique(volumes.elements.map { $0["name"] })
        for volume in volumes.elements {
            require(volume["name"])
            check(volume["name"], Names.label)
            let sources = volume.members.filter { $0.key != "name" }
            for source in sources.dropFirst() {
                add(.forbidden(volume[source.key].path, "may not specify more than 1 volume type"))
            }
            if let source = sources.first { volumeSource(source.key, volume[source.key]) }
        }
    }

    private mutating func volumeSource(_ kind: String, _ source: Located) {
        switch kind {
        case "hostPath":
            require(source["path"])
            check(source["path"], Names.noParent)
        case "emptyDir":
            if let size = source["sizeLimit"].quantity, size.isNegative {
                add(.invalid(source["sizeLimit"].path, source["sizeLimit"].shown, "must be greater than or equal to 0"))
            }
        case "configMap":
            require(source["name"])
            files(source)
        case "secret":
            require(source["secretName"])
            files(source)
        case "downwardAPI": downward(source)
        case "projected": projected(source)
        case "image": require(source["reference"])
        case "persistentVolumeClaim":
            require(source["claimName"])
            check(source["claimName"], Names.subdomain)
        default: break
        }
    }

    private mutating func files(_ source: Located) {
        between(0...0o777, source["defaultMode"])
        for item in source["items"].elements {
            require(item["key"])
            require(item["path"])
            check(item["path"], Names.relativePath)
            between(0...0o777, item["mode"])
        }
    }

    private mutating func downward(_ source: Located) {
        between(0...0o777, source["defaultMode"])
        for item in source["items"].elements {
            require(item["path"])
            check(item["path"], Names.relativePath)
            between(0...0o777, item["mode"])
            oneOf(item, ["fieldRef", "resourceFieldRef"], what: "source")
            if item["fieldRef"].exists { fieldReference(item["fieldRef"], Self.volumeFields) }
            if item["resourceFieldRef"].exists { resourceReference(item["resourceFieldRef"], inVolume: true) }
        }
    }

    private mutating func projected(_ source: Located) {
        between(0...0o777, source["defaultMode"])
        let kinds = [
            "secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate",
        ]
        for projection in source["sources"].elements {
            oneOf(projection, kinds, what: "volume type")
            for kind in ["secret", "configMap"] where projection[kind].exists {
                require(projection[kind]["name"])
                files(projection[kind])
            }
            if projection["downwardAPI"].exists { downward(projection["downwardAPI"]) }
            let token = projection["serviceAccountToken"]
            if token.exists {
                require(token["path"])
                check(token["path"], Names.relativePath)
                atLeast(600, token["expirationSeconds"])
            }
        }
        projectedPaths(source["sources"].elements)
    }

    /// Two sources may not both say where the same file is.
    private mutating func projectedPaths(_ projections: [Located]) {
        var taken: Set<String> = []
        for projection in projections {
            let items = ["secret", "configMap", "downwardAPI"].flatMap {
                projection[$0]["items"].elements.map { $0["path"] }
            }
            for path in items + [projection["serviceAccountToken"]["path"]] where !path.text.isEmpty {
                if !taken.insert(path.text).inserted {
                    add(.invalid(path.path, path.shown, "conflicting duplicate paths"))
                }
            }
        }
    }

    static let volumeFields = [
        "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
    ]
    static let environmentFields = [
        "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs", "status.podIP", "status.podIPs",
    ]

    mutating func fieldReference(_ reference: Located, _ supported: [String]) {
        let path = reference["fieldPath"]
        require(path)
        let text = path.text
        if text.isEmpty || supported.contains(text) { return }
        for prefix in ["metadata.labels['", "metadata.annotations['"]
        where text.hasPrefix(prefix) && text.hasSuffix("']") {
            if let fault = Names.qualified(String(text.dropFirst(prefix.count).dropLast(2)).lowercased()) {
                add(.invalid(path.path, path.shown, fault))
            }
            return
        }
        add(.notSupported(path.path, path.shown, supported))
    }

    mutating func resourceReference(_ reference: Located, inVolume: Bool) {
        if inVolume { require(reference["containerName"]) }
        require(reference["resource"])
        let resource = reference["resource"].text
        let supported = ["limits", "requests"].flatMap { kind in
            ["cpu", "ephemeral-storage", "memory"].map { "\(kind).\($0)" }
        }
        if resource.isEmpty || supported.contains(resource) { return }
        if resource.hasPrefix("limits.hugepages-") || resource.hasPrefix("requests.hugepages-") { return }
        add(.notSupported(reference["resource"].path, reference["resource"].shown, supported))
    }

    /// `volumes` are the names of the pod's volumes.
    mutating func mounts(_ container: Located, volumes: Set<String>, privileged: Bool) {
        var paths: Set<String> = []
        for mount in container["volumeMounts"].elements {
            require(mount["name"])
            require(mount["mountPath"])
            if let name = mount["name"].string, !name.isEmpty, !volumes.contains(name) {
                add(.notFound(mount["name"].path, mount["name"].shown))
            }
            if let path = mount["mountPath"].string, !path.isEmpty, !paths.insert(path).inserted {
                add(.invalid(mount["mountPath"].path, mount["mountPath"].shown, "must be unique"))
            }
            check(mount["subPath"], Names.relativePath)
            check(mount["subPathExpr"], Names.relativePath)
            if !mount["subPath"].text.isEmpty, !mount["subPathExpr"].text.isEmpty {
                add(
                    .invalid(
                        mount["subPathExpr"].path, mount["subPathExpr"].shown,
                        "subPathExpr and subPath are mutually exclusive"))
            }
            propagation(mount, privileged: privileged)
        }
    }

    private mutating func propagation(_ mount: Located, privileged: Bool) {
        let propagation = mount["mountPropagation"].text
        if propagation == "Bidirectional", !privileged {
            add(
                .forbidden(
                    mount["mountPropagation"].path,
                    "Bidirectional mount propagation is available only to privileged containers"))
        }
        let recursive = mount["recursiveReadOnly"]
        guard recursive.text == "Enabled" || recursive.text == "IfPossible" else { return }
        if mount["readOnly"].bool != true {
            add(.forbidden(recursive.path, "may only be specified when readOnly is true"))
        }
        if !propagation.isEmpty, propagation != "None" {
            add(.forbidden(recursive.path, "may only be specified when mountPropagation is None or not specified"))
        }
    }
}
