import CRI
import Errors
import KubeAPI

/// The steps from a container of a spec to a running process: image, mounts, create, start.
struct ContainerStart: Sendable {
    let context: LoopContext
    let pod: Pod
    let container: Container
    let attempt: UInt32
    let sandbox: ObservedSandbox
    /// Host paths by volume.
    let volumes: [String: String]

    /// The id of the container, which runs now and whose postStart hook is still to be run.
    func run() async throws(StartError) -> String {
        let image = try await ImageRule(context: context).image(for: container, pod: pod)
        let config: CRIContainerConfig
        let users: UserRange?
        do {
            users = try await context.users.range(for: pod)
            let conversion = ContainerConversion(
                pod: pod, container: container, node: context.settings, podAddresses: addresses,
                sources: try await PodSources(of: pod, in: context.cluster), users: users)
            try await context.volumes.makeLogDirectory(container: container.name, pod: pod.reference)
            let mounts = try await self.mounts(conversion)
            config = try conversion.config(attempt: attempt, image: image, mounts: mounts)
        } catch {
            let error = error as? StartError ?? StartError(.containerConfig, error)
            await failed(error)
            throw error
        }
        let id = try await create(config, users)
        try await start(id)
        return id
    }

    private var addresses: [String] {
        pod.spec.hostNetwork == true ? context.settings.addresses : sandbox.addresses
    }

    /// Throws when the hook fails, and then the container has been ended.
    func postStart(_ id: String) async throws(StartError) {
        guard let handler = container.lifecycle?.postStart else { return }
        let runner = HookRunner(
            context: context, pod: pod, container: container, containerID: id, addresses: addresses)
        do { try await runner.run(handler, timeout: nil) } catch is CancellationError {
            // The pod is to end, and with it the container.
            return
        } catch {
            let reason = SwiftletError.wrapping(error).description
            await record(.warning, "FailedPostStartHook", "PostStartHook failed: \(reason)")
            await record(.normal, "Killing", "FailedPostStartHook")
            var request = CRIStopContainerRequest()
            request.containerID = id
            request.timeout = max(PodKill.leastGrace, pod.spec.gracePeriodSeconds)
            do { _ = try await context.runtime.stopContainer(request) } catch {
                throw StartError(
                    .postStartHook, "\(reason); and it could not be stopped: \(SwiftletError.wrapping(error))")
            }
            throw StartError(.postStartHook, reason)
        }
    }

    private func create(_ config: CRIContainerConfig, _ users: UserRange?) async throws(StartError) -> String {
        var request = CRICreateContainerRequest()
        request.podSandboxID = sandbox.id
        request.config = config
        do {
            request.sandboxConfig = try SandboxConversion(pod: pod, node: context.settings, users: users)
                .config(attempt: sandbox.attempt)
            let id = try await context.runtime.createContainer(request).containerID
            await record(.normal, "Created", "Container created")
            return id
        } catch {
            let error = StartError(.createContainer, error)
            await failed(error)
            throw error
        }
    }

    private func start(_ id: String) async throws(StartError) {
        var request = CRIStartContainerRequest()
        request.containerID = id
        do {
            _ = try await context.runtime.startContainer(request)
            await record(.normal, "Started", "Container started")
        } catch {
            let error = StartError(.runContainer, error)
            await failed(error)
            throw error
        }
    }

    private func mounts(_ conversion: ContainerConversion) async throws -> [CRIMount] {
        var mounts: [CRIMount] = []
        let known = Dictionary(try conversion.environment.variables().map { ($0.name, $0.value) }) { $1 }
        for (index, mount) in container.volumeMounts.enumerated() {
            let volume = pod.spec.volumes.first { $0.name == mount.name }
            if let image = volume?.image {
                mounts.append(try await imageMount(image, mount, known))
                continue
            }
            guard let root = volumes[mount.name] else {
                throw SwiftletError.notFound("volume", mount.name, hint: "name one of the pod's volumes")
            }
            var path = root
            if let inside = subPath(mount, known), !inside.isEmpty {
                path = try await context.volumes.subPath(
                    inside, volume: mount.name, hostPath: root, container: container.name, index: index,
                    pod: pod.reference)
            }
            var made = criMount(mount, hostPath: path)
            if volume?.isAlwaysReadOnly == true { made.readonly = true }
            mounts.append(made)
        }
        mounts += try await ownFiles(besides: Set(mounts.map(\.containerPath)))
        return mounts
    }

    /// The image is looked for as a container's own is.
    private func imageMount(
        _ source: ImageVolumeSource, _ mount: VolumeMount, _ variables: [String: String]
    ) async throws -> CRIMount {
        var asked = container
        asked.image = source.reference
        asked.imagePullPolicy = source.pullPolicy
        var made = criMount(mount, hostPath: "")
        made.image.image = try await ImageRule(context: context).image(for: asked, pod: pod).id
        made.image.userSpecifiedImage = source.reference ?? ""
        made.imageSubPath = subPath(mount, variables) ?? ""
        made.readonly = true
        made.recursiveReadOnly = false
        return made
    }

    private func subPath(_ mount: VolumeMount, _ variables: [String: String]) -> String? {
        if let expression = mount.subPathExpr, !expression.isEmpty { return expand(expression, variables) }
        return mount.subPath
    }

    /// /etc/hosts and the file for the last words, unless the pod mounts something there itself.
    private func ownFiles(besides taken: Set<String>) async throws -> [CRIMount] {
        var mounts: [CRIMount] = []
        func add(_ containerPath: String, _ hostPath: String) {
            var mount = CRIMount()
            mount.containerPath = containerPath
            mount.hostPath = hostPath
            mounts.append(mount)
        }
        if !taken.contains("/etc/hosts") {
            let nodeFile = pod.spec.hostNetwork == true ? try await context.volumes.nodeHostsFile() : ""
            let text = hostsFile(of: pod, addresses: addresses, nodeFile: nodeFile)
            add("/etc/hosts", try await context.volumes.writeFile("etc-hosts", text, pod: pod.reference))
        }
        let lastWords = container.terminationMessagePath ?? "/dev/termination-log"
        if !lastWords.isEmpty, !taken.contains(lastWords) {
            let file = try await context.volumes.makeTerminationLog(
                container: container.name, attempt: attempt, pod: pod.reference)
            add(lastWords, file)
        }
        return mounts
    }

    private func failed(_ error: StartError) async { await record(.warning, "Failed", "Error: \(error.message)") }

    private func record(_ type: EventType, _ reason: String, _ message: String) async {
        await context.record(PlannedEvent(type, reason, message, container: container.name), pod: pod)
    }
}
