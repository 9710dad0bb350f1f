import CRI
import Errors
import KubeAPI

/// A container of a pod as CRI's container configuration.
struct ContainerConversion {
    let pod: Pod
    let container: Container
    let node: NodeSettings
    let podAddresses: [String]
    var sources = PodSources()
    /// The ids of the pod's user namespace; nil in the host's.
    var users: UserRange?

    /// `mounts` are made by whoever prepared the volumes. Throws what Kubernetes shows as CreateContainerConfigError.
    func config(attempt: UInt32, image: CRIImage, mounts: [CRIMount]) throws(SwiftletError) -> CRIContainerConfig {
        let variables = try environment.variables()
        let known = Dictionary(variables.map { ($0.name, $0.value) }) { $1 }
        var config = CRIContainerConfig()
        config.metadata.name = container.name
        config.metadata.attempt = attempt
        config.image.image = image.id
        config.image.userSpecifiedImage = container.image ?? ""
        config.command = container.command.map { expand($0, known) }
        config.args = container.args.map { expand($0, known) }
        config.workingDir = container.workingDir ?? ""
        config.envs = variables.map { variable in
            var pair = CRIKeyValue()
            pair.key = variable.name
            pair.value.append(contentsOf: variable.value.utf8)
            return pair
        }
        config.mounts = mounts.map { mount in
            guard let users else { return mount }
            var mount = mount
            mount.uidMappings = [users.mapping]
            mount.gidMappings = [users.mapping]
            return mount
        }
        config.labels = podLabels(pod.reference)
        config.labels[Label.containerName] = container.name
        config.annotations = annotations(attempt)
        config.logPath = "\(container.name)/\(attempt).log"
        config.stdin = container.stdin == true
        config.stdinOnce = container.stdinOnce == true
        config.tty = container.tty == true
        config.linux.resources = linuxResources(container.resources ?? ResourceRequirements())
        config.linux.resources.oomScoreAdj = outOfMemoryScore(container, in: pod, nodeMemory: node.memory)
        config.linux.securityContext = try SecurityConversion(pod: pod, container: container, node: node, users: users)
            .context(imageUser: ImageUser(image))
        config.stopSignal = try stopSignal()
        return config
    }

    var environment: Environment {
        Environment(pod: pod, container: container, node: node, podAddresses: podAddresses, sources: sources)
    }

    private func annotations(_ attempt: UInt32) -> [String: String] {
        [
            Annotation.containerHash: definitionHash(of: container),
            Annotation.restartCount: String(attempt),
            Annotation.terminationMessagePath: container.terminationMessagePath ?? "/dev/termination-log",
            Annotation.terminationMessagePolicy: (container.terminationMessagePolicy ?? .file).rawValue,
            Annotation.podGracePeriod: String(pod.spec.gracePeriodSeconds),
        ]
    }

    private func stopSignal() throws(SwiftletError) -> CRISignal {
        guard let name = container.lifecycle?.stopSignal, !name.isEmpty else { return .runtimeDefault }
        let plain = name.hasPrefix("SIG") ? name : "SIG\(name)"
        guard let signal = CRISignal.named(plain) else {
            throw .invalid("lifecycle.stopSignal \(printable(name)) is no signal of Linux")
        }
        return signal
    }
}

extension CRISignal {
    /// By Linux's name: `SIGTERM`, `SIGRTMIN+3`.
    static func named(_ name: String) -> CRISignal? {
        let wanted = name.replacing("+", with: "plus").replacing("-", with: "minus").lowercased()
        return allCases.first { "\($0)" == wanted && $0 != .runtimeDefault }
    }
}

/// A volume's place on this machine as a mount of a container.
func criMount(_ mount: VolumeMount, hostPath: String) -> CRIMount {
    var result = CRIMount()
    result.containerPath = mount.mountPath
    result.hostPath = hostPath
    result.readonly = mount.readOnly == true
    result.recursiveReadOnly = mount.readOnly == true && (mount.recursiveReadOnly ?? "Disabled") != "Disabled"
    switch mount.mountPropagation {
    case .bidirectional: result.propagation = .propagationBidirectional
    case .hostToContainer: result.propagation = .propagationHostToContainer
    case .some(.none), nil: result.propagation = .propagationPrivate
    }
    return result
}
