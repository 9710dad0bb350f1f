import JSON

/// Which fields of a pod Swiftlet acts on. The others are valid and kept, but a warning says that nothing follows from
/// them. This is the one place to edit when a room learns a new field.
enum ActedOn {
    /// A structure and the fields of it that matter; structures that are not listed matter as a whole.
    private static let table = """
        PodSpec containers initContainers volumes restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds nodeName
        PodSpec hostNetwork hostPID hostIPC hostUsers shareProcessNamespace securityContext hostname dnsPolicy dnsConfig hostAliases
        PodSpec hostnameOverride readinessGates resources subdomain setHostnameAsFQDN nodeSelector affinity overhead os
        Affinity nodeAffinity
        NodeAffinity requiredDuringSchedulingIgnoredDuringExecution
        Container name image command args workingDir ports env envFrom resources restartPolicy volumeMounts imagePullPolicy
        Container securityContext stdin stdinOnce tty lifecycle
        Container terminationMessagePath terminationMessagePolicy
        Container livenessProbe readinessProbe startupProbe resizePolicy restartPolicyRules
        ContainerPort name containerPort protocol hostPort hostIP
        EnvVar name value valueFrom
        EnvVarSource fieldRef resourceFieldRef configMapKeyRef secretKeyRef
        ResourceRequirements limits requests
        VolumeMount name readOnly mountPath subPath subPathExpr mountPropagation recursiveReadOnly
        Volume name emptyDir hostPath configMap secret downwardAPI projected persistentVolumeClaim image
        VolumeProjection configMap secret downwardAPI
        PodSecurityContext runAsUser runAsGroup runAsNonRoot supplementalGroups supplementalGroupsPolicy fsGroup sysctls
        PodSecurityContext seccompProfile appArmorProfile seLinuxOptions
        SecurityContext capabilities privileged runAsUser runAsGroup runAsNonRoot readOnlyRootFilesystem
        SecurityContext allowPrivilegeEscalation seccompProfile procMount
        SecurityContext appArmorProfile seLinuxOptions
        """

    /// Fields that mean nothing on a single node, and values that are the default anyway: no warning for either.
    private static let silent: [String: JSONValue?] = [
        "PodSpec.schedulerName": nil, "PodSpec.tolerations": nil, "PodSpec.preemptionPolicy": nil,
        "PodSpec.priority": nil,
        "PodSpec.serviceAccountName": "default", "PodSpec.serviceAccount": "default", "PodSpec.enableServiceLinks": nil,
        // Of emptyDir, which alone gets a group here, the owner is set when it is made.
        "PodSecurityContext.fsGroupChangePolicy": nil,
        "Pod.status": nil, "Pod.metadata": nil,
    ]

    private static let fields: [String: Set<String>] = {
        var fields: [String: Set<String>] = [:]
        for line in table.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            fields[words[0], default: []].formUnion(words.dropFirst())
        }
        return fields
    }()

    /// Paths of fields that are set in a pod and that nothing follows from.
    static func ignoredPaths(in pod: JSONValue) -> [String] {
        var paths: [String] = []
        walk(pod, .structure("Pod"), "", &paths)
        return paths
    }

    private static func walk(_ value: JSONValue, _ type: FieldType, _ path: String, _ paths: inout [String]) {
        switch (type, value) {
        case (.list(let element), .array(let elements)):
            for (index, member) in elements.enumerated() { walk(member, element, "\(path)[\(index)]", &paths) }
        case (.structure(let name), .object(let members)):
            guard let structure = Schema.core[name] else { return }
            for field in structure.order.compactMap({ structure.fields[$0] }) {
                guard let member = members[field.name], !isEmpty(member) else { continue }
                if let quiet = silent["\(name).\(field.name)"], quiet == nil || quiet == member { continue }
                let below = path.isEmpty ? field.name : "\(path).\(field.name)"
                if let known = fields[name], !known.contains(field.name) {
                    paths.append(below)
                } else {
                    walk(member, field.type, below, &paths)
                }
            }
        default: break
        }
    }

    private static func isEmpty(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .bool(false), .int(0), .string(""): true
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        default: false
        }
    }
}
